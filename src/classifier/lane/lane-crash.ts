/** A lane's thread died: by an error nobody caught, for want of memory, or by its own exit; or it can do the job no more. The job may be sent again. */
export class LaneCrash extends Error {
  override readonly name = "LaneCrash"
}

/** No place has the version that the job is for any more. The lane goes on; another attempt gets the version that is served then. */
export class ModelUnloadable extends Error {
  override readonly name = "ModelUnloadable"
}

/** The process has more memory than it may, and ends. Whether the job's lane alone was at work: then it was this one. */
export class OverMemory extends Error {
  override readonly name = "OverMemory"
  readonly isAlone: boolean

  constructor(isAlone: boolean) {
    super("The classifier has more memory than it may")
    this.isAlone = isAlone
  }
}
