/** What is to be done with pictures, one or a list of them. */
export type WorkOptions = {
  /** What is to be done with each picture: `classify` unless said. */
  operation?: string | undefined
  /** Options of that operation, as the API names them: `{ quality: 50 }`. */
  options?: Readonly<Record<string, string | number | boolean | undefined>> | undefined
  /** Which model; the server has a default. */
  model?: string | undefined
  /** How many predictions; 5 unless said. */
  topK?: number | undefined
  /** Leave out what is less probable than this: 0 to 1. */
  threshold?: number | undefined
  /** `scores` adds the probability of every class, by class index. */
  output?: "predictions" | "scores" | undefined
  /** Language of the labels, where the model brings it: `de`. */
  lang?: string | undefined
  /** In milliseconds from now: a picture that has not started by then fails; so does what is left of a list. */
  deadlineMs?: number | undefined
  /** Where the answer is sent as a signed webhook; "" for nowhere, though the API key has a default. */
  webhookUrl?: string | undefined
  /** Submits with the same key are one ticket. One is made for each call unless given. */
  idempotencyKey?: string | undefined
  signal?: AbortSignal | undefined
}

export type SubmitOptions = WorkOptions & {
  /** Infer again, even if the answer to these bytes is known. */
  noCache?: boolean | undefined
  /**
   * Send a smaller copy (a JPEG of 1,024 pixels at most) of a picture that is too large for the server, for `classify` alone: of
   * more than 8 MB, or refused as `image_too_large` or `too_many_pixels`. `true` needs OffscreenCanvas, as browsers have it;
   * elsewhere a function makes the copy.
   */
  shrink?: boolean | ((picture: Blob) => Promise<Blob>) | undefined
  /** Called when a smaller copy is sent. */
  onShrink?: ((copy: Shrunk) => void) | undefined
}
/** How many bytes the picture has, and how many are sent. */
export type Shrunk = { bytes: number; sentBytes: number }

export type BatchOptions = WorkOptions & {
  /** Pictures in the queue or in work at the same time: 64 unless said, up to 1,000. */
  batchSize?: number | undefined
  /** Column, or JSON field, with the URLs; found by its name unless said. */
  urlColumn?: string | undefined
  /** What becomes of rows that cannot be taken: `reject`, which is the default, refuses the list. */
  onInvalid?: "reject" | "skip" | undefined
  /** What the list is; by its type, or its beginning, unless said. */
  format?: "csv" | "tsv" | "json" | "jsonl" | undefined
  /** A webhook each time that so many pictures are done, too. */
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

/** A query as the API takes it, with its question mark; "" for none. */
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

/** 128 random bits. `crypto.randomUUID` is missing from pages that came by plain http. */
export function newIdempotencyKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("")
}
