const REFUSALS = ["bad_url", "scheme_refused", "port_refused", "address_refused"] as const

export type GuardedFetchErrorCode =
  | (typeof REFUSALS)[number]
  | "dns_failed"
  | "connect_failed"
  | "tls_failed"
  | "connection_lost"
  | "bad_response"
  | "too_large"
  | "too_many_redirects"
  | "timeout"
  | "closed"

/** Whether the rules forbid the address: nothing was sent, and trying again changes nothing. */
export function isRefusal(code: GuardedFetchErrorCode): code is (typeof REFUSALS)[number] {
  return REFUSALS.some((refusal) => refusal === code)
}

/**
 * Why a fetch came to nothing. The message is fit for the client that named the URL: it names scheme, host and port and
 * the rule, and never an address that the host resolved to, nor path or query, which may hold a secret. `cause` is for logs.
 */
export class GuardedFetchError extends Error {
  override readonly name = "GuardedFetchError"
  readonly code: GuardedFetchErrorCode

  constructor(code: GuardedFetchErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options)
    this.code = code
  }
}
