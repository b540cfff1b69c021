/** Where a trace stands: what `traceparent` says (https://www.w3.org/TR/trace-context/, level 1). */
export type TraceContext = {
  /** 32 hexadecimal digits: the same in everything that one request sets off. */
  traceId: string
  /** 16 hexadecimal digits: what happens next is its child. */
  spanId: string
  /** Whether spans of this trace are kept anywhere. */
  isSampled: boolean
}

/** Version, trace id, parent id, flags. What follows them in a later version is not ours to read. */
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
const ONLY_ZEROS = /^0+$/
const SAMPLED = 1

/** Null for none, and for one that the specification calls invalid: then a trace is begun anew. */
export function parseTraceparent(text: string | undefined): TraceContext | null {
  const [, version = "", traceId = "", spanId = "", flags = "", more] = text?.match(TRACEPARENT) ?? []
  if (traceId === "" || version === "ff" || (version === "00" && more !== undefined)) return null
  if (ONLY_ZEROS.test(traceId) || ONLY_ZEROS.test(spanId)) return null
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & SAMPLED) === SAMPLED }
}

export function formatTraceparent({ traceId, spanId, isSampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-${isSampled ? "01" : "00"}`
}

export function newTrace({ isSampled }: Pick<TraceContext, "isSampled">): TraceContext {
  return { traceId: randomHex(16), spanId: randomHex(8), isSampled }
}

/** A step of the same trace. */
export function childOf(parent: TraceContext): TraceContext {
  return { ...parent, spanId: randomHex(8) }
}

function randomHex(bytes: number): string {
  const random = crypto.getRandomValues(new Uint8Array(bytes))
  const text = [...random].map((byte) => byte.toString(16).padStart(2, "0")).join("")
  // All zeros mean "none"; once in 2^64 they come up.
  return ONLY_ZEROS.test(text) ? randomHex(bytes) : text
}
