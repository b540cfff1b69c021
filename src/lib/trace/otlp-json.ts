import { SPAN_KINDS, type Span, type SpanAttributes } from "./span.ts"

const STATUS_ERROR = 2

/**
 * An ExportTraceServiceRequest in OTLP's JSON: ids in hexadecimal, 64-bit numbers as text, enums as numbers
 * (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding).
 */
export function toOtlpJson(spans: readonly Span[], { serviceName, part }: { serviceName: string; part: string }) {
  return {
    resourceSpans: [
      {
        resource: { attributes: toAttributes({ "service.name": serviceName }) },
        scopeSpans: [{ scope: { name: `claimcheck/${part}` }, spans: spans.map(toSpan) }],
      },
    ],
  }
}

function toSpan({ context, parentSpanId, name, kind, startMs, endMs, attributes = {}, error }: Span) {
  return {
    traceId: context.traceId,
    spanId: context.spanId,
    ...(parentSpanId !== undefined && { parentSpanId }),
    flags: context.isSampled ? 1 : 0,
    name,
    kind: SPAN_KINDS[kind],
    startTimeUnixNano: toNanos(startMs),
    // Of two clocks the later step may seem to be the earlier one.
    endTimeUnixNano: toNanos(Math.max(startMs, endMs)),
    attributes: toAttributes(attributes),
    ...(error !== undefined && { status: { code: STATUS_ERROR, message: error } }),
  }
}

/** Microseconds are what a number holds of an instant of today. */
const toNanos = (ms: number) => `${Math.round(ms * 1_000)}000`

function toAttributes(attributes: SpanAttributes) {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: toValue(value) }))
}

function toValue(value: string | number | boolean) {
  if (typeof value === "string") return { stringValue: value }
  if (typeof value === "boolean") return { boolValue: value }
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value }
}
