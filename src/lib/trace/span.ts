import type { TraceContext } from "./trace-context.ts"

/** What a step is to the others, by the numbers of OTLP's `SpanKind`. */
export const SPAN_KINDS = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 } as const
export type SpanKind = keyof typeof SPAN_KINDS

export type SpanAttributes = Readonly<Record<string, string | number | boolean>>

/** A step that is over. */
export type Span = {
  context: TraceContext
  /** None for the first of a trace. */
  parentSpanId?: string | undefined
  name: string
  kind: SpanKind
  startMs: number
  endMs: number
  attributes?: SpanAttributes
  /** Why it failed: an error code, nothing of a picture or a secret. */
  error?: string | undefined
}
