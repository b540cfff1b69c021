/** A lane's thread died: by an error nobody caught, for want of memory, or by its own exit. The job may be sent again. */
export class LaneCrash extends Error {
  override readonly name = "LaneCrash"
}
