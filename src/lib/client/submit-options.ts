/** Options of a submit, of one image or a list. */
export type WorkOptions = {
  /** Default: `classify`. */
  operation?: string | undefined
  /** Options of that operation, named as in the API: `{ quality: 50 }`. */
  options?: Readonly<Record<string, string | number | boolean | undefined>> | undefined
  /** Default: the server's. */
  model?: string | undefined
  /** Number of predictions. Default: 5. */
  topK?: number | undefined
  /** Drops predictions below this probability, 0 to 1. */
  threshold?: number | undefined
  /** `scores` adds the probability of every class, by class index. */
  output?: "predictions" | "scores" | undefined
  /** Language of the labels, if the model has it: `de`. */
  lang?: string | undefined
  /** Milliseconds from now: an image that has not started by then fails; of a list, what is not done. */
  deadlineMs?: number | undefined
  /** Receives the finished ticket as a signed webhook; "" for no webhook, if the API key has a default. */
  webhookUrl?: string | undefined
  /** Submits with the same key return the same ticket. Default: random for each call. */
  idempotencyKey?: string | undefined
  signal?: AbortSignal | undefined
}

export type SubmitOptions = WorkOptions & {
  /** Runs inference even if the result is cached. */
  noCache?: boolean | undefined
  /**
   * For `classify`: sends a smaller copy (a JPEG of at most 1,024 pixels) of an image of more than 8 MB, or one that is refused as
   * `image_too_large` or `too_many_pixels`. `true` needs OffscreenCanvas, as in browsers; elsewhere pass a function that makes the copy.
   */
  shrink?: boolean | ((picture: Blob) => Promise<Blob>) | undefined
  /** Called when a smaller copy is sent. */
  onShrink?: ((copy: Shrunk) => void) | undefined
}
/** Sizes of the image and of the copy. */
export type Shrunk = { bytes: number; sentBytes: number }

export type BatchOptions = WorkOptions & {
  /** Images in the queue or in progress at the same time, up to 1,000. Default: 64. */
  batchSize?: number | undefined
  /** Column or JSON field with the URLs. Default: found by its name. */
  urlColumn?: string | undefined
  /** `skip` takes the valid rows; `reject`, the default, refuses the list. */
  onInvalid?: "reject" | "skip" | undefined
  /** Format of the list. Default: by its content type, then by its beginning. */
  format?: "csv" | "tsv" | "json" | "jsonl" | undefined
  /** Also sends a webhook each time this many images are done. */
  webhookEvery?: number | undefined
}

const WORK_OPTIONS: Record<keyof WorkOptions, true> = {
  operation: true,
  options: true,
  model: true,
  topK: true,
  threshold: true,
  output: true,
  lang: true,
  deadlineMs: true,
  webhookUrl: true,
  idempotencyKey: true,
  signal: true,
}
export const SUBMIT_OPTIONS: Record<keyof SubmitOptions, true> = {
  ...WORK_OPTIONS,
  noCache: true,
  shrink: true,
  onShrink: true,
}
export const BATCH_OPTIONS: Record<keyof BatchOptions, true> = {
  ...WORK_OPTIONS,
  batchSize: true,
  urlColumn: true,
  onInvalid: true,
  format: true,
  webhookEvery: true,
}

/** The query string, with its question mark; "" without options. */
export function toQuery({ operation, options = {}, model, threshold, output, lang, ...rest }: BatchOptions): string {
  const query = new URLSearchParams()
  const named = {
    operation,
    model,
    top_k: rest.topK,
    threshold,
    output,
    lang,
    deadline_ms: rest.deadlineMs,
    webhook_url: rest.webhookUrl,
    webhook_every: rest.webhookEvery,
    batch_size: rest.batchSize,
    url_column: rest.urlColumn,
    on_invalid: rest.onInvalid,
    format: rest.format,
  }
  for (const [name, value] of [...Object.entries(options), ...Object.entries(named)]) {
    if (value !== undefined) query.set(name, String(value))
  }
  return query.size === 0 ? "" : `?${query}`
}

/** 128 random bits. `crypto.randomUUID` needs a secure context. */
export function newIdempotencyKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("")
}
