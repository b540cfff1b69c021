/** Exit codes, as documented by `claimcheck --help`. */
export const EXIT = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const

/** An expected error: its message says what is wrong and what to do. */
export class CliError extends Error {
  override readonly name = "CliError"
  readonly exitCode: number
  /** A stable code where there is one: the problem's, or one of ours such as `network` and `unreadable`; never the system's. */
  readonly code: string | undefined

  constructor(message: string, options: { exitCode?: number; code?: string | undefined; cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.exitCode = options.exitCode ?? EXIT.failed
    this.code = options.code
  }
}

export function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
