import type { Log } from "../log.ts"
import { toOtlpJson } from "./otlp-json.ts"
import type { Span } from "./span.ts"
import type { TraceTarget } from "./trace-config.ts"

/** Spans that wait to be sent: half a megabyte or so. */
const MAX_WAITING = 2_048
const MAX_PER_POST = 512
/** Where every request sends its spans, a collector that hangs must not gather them all. */
const MAX_FLUSHES = 16

/** Takes spans and sends them when asked to. Neither fails nor waits for anybody: a trace is worth less than what it is of. */
export type Tracer = {
  /** Whether spans go anywhere. */
  isOn: boolean
  record: (span: Span) => void
  /** Sends what has been recorded. Never rejects; ends by the deadline, or once the signal is aborted. */
  flush: (options?: FlushOptions) => Promise<void>
}

export type FlushOptions = { timeoutMs?: number; signal?: AbortSignal }

/** Sends nothing. */
export const silentTracer: Tracer = { isOn: false, record: () => undefined, flush: () => Promise.resolve() }

export type TracerOptions = {
  /** Which part speaks: edge, classifier, deliverer. */
  part: string
  log: Log
  fetch?: typeof fetch
}

/** @param target null to send nothing */
export function createTracer(target: TraceTarget | null, options: TracerOptions): Tracer {
  if (target === null) return silentTracer
  const exporter = new SpanExporter(target, options)
  return {
    isOn: true,
    record: (span) => exporter.record(span),
    flush: ({ timeoutMs = target.timeoutMs, signal } = {}) => {
      const limitMs = Math.min(timeoutMs, target.timeoutMs)
      const deadline = AbortSignal.timeout(limitMs)
      const stop = signal === undefined ? deadline : AbortSignal.any([deadline, signal])
      return exporter.flush(stop, Date.now() + limitMs)
    },
  }
}

class SpanExporter {
  readonly #target: TraceTarget
  readonly #options: TracerOptions
  #waiting: Span[] = []
  /** Since the collector last took some. */
  #lost = 0
  #isLosing = false
  #flushes: { untilMs: number }[] = []

  constructor(target: TraceTarget, options: TracerOptions) {
    this.#target = target
    this.#options = options
  }

  record(span: Span): void {
    if (!span.context.isSampled) return
    if (this.#waiting.length < MAX_WAITING) this.#waiting.push(span)
    else this.#lose(1, "more spans than can be sent")
  }

  /** Nothing is shared between two flushes: on Workers a promise belongs to the request that made it. */
  async flush(signal: AbortSignal, untilMs: number): Promise<void> {
    // By their deadlines, too: a request that the runtime has ended never says that its flush is over.
    const nowMs = Date.now()
    this.#flushes = this.#flushes.filter((flush) => flush.untilMs > nowMs)
    if (this.#waiting.length === 0 || this.#flushes.length >= MAX_FLUSHES) return
    const flush = { untilMs }
    this.#flushes.push(flush)
    await this.#send(signal)
    this.#flushes = this.#flushes.filter((other) => other !== flush)
  }

  async #send(signal: AbortSignal): Promise<void> {
    const spans = this.#waiting
    this.#waiting = []
    for (let i = 0; i < spans.length; i += MAX_PER_POST) {
      const some = spans.slice(i, i + MAX_PER_POST)
      const problem = await this.#post(some, signal)
      if (problem === null) this.#arrived()
      else this.#lose(some.length, problem)
    }
  }

  /** Null, or why the spans are lost: they are not sent again. */
  async #post(spans: readonly Span[], signal: AbortSignal): Promise<string | null> {
    const { url, headers, serviceName } = this.#target
    const { part, fetch = globalThis.fetch } = this.#options
    try {
      const response = await fetch(url, {
        method: "POST",
        headers: [...headers, ["content-type", "application/json"]],
        body: JSON.stringify(toOtlpJson(spans, { serviceName, part })),
        // Headers can hold a secret that is for this address alone.
        redirect: "manual",
        signal,
      })
      await response.body?.cancel()
      return response.ok ? null : `the collector answered ${response.status}`
    } catch (error) {
      // Not its message: that can hold the address, and the address a token.
      return `the collector cannot be reached (${error instanceof Error ? error.name : "unknown"})`
    }
  }

  /** Said once, and not for every span. */
  #lose(count: number, reason: string): void {
    this.#lost += count
    if (this.#isLosing) return
    this.#isLosing = true
    this.#options.log.warn("trace.lost", { spans: this.#lost, reason })
  }

  #arrived(): void {
    if (this.#isLosing) this.#options.log.info("trace.back", { lost: this.#lost })
    this.#isLosing = false
    this.#lost = 0
  }
}
