/** A lane's thread died: by an error nobody caught, for want of memory, or by its own exit; or it can do the job no more. The job may be sent again. */
export class LaneCrash extends Error {
  override readonly name = "LaneCrash"
}
