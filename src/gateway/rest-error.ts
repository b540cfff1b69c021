/** An error as Upstash sends it: a status and `{"error": "…"}`. */
export class RestError extends Error {
  override readonly name = "RestError"
  readonly status: RestErrorStatus

  constructor(status: RestErrorStatus, message: string, options: { cause?: unknown } = {}) {
    super(message, options)
    this.status = status
  }
}

export type RestErrorStatus = 400 | 401 | 405 | 413 | 429 | 500 | 503
