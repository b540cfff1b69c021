/** A message of the wake-up channel. Scripts publish it too. It is a hint, which may be lost or wrong. */
export type WakeUp =
  /** Without a queue it may be any. */
  | { kind: "queued"; queue?: string | undefined }
  | { kind: "canceled"; jobId: string }
  | { kind: "outbox" }
  | { kind: "batches" }

export function encodeWakeUp(wakeUp: WakeUp): string {
  if (wakeUp.kind === "canceled") return `canceled:${wakeUp.jobId}`
  return wakeUp.kind === "queued" && wakeUp.queue !== undefined ? `queued:${wakeUp.queue}` : wakeUp.kind
}

/** What is not known here, a newer release's, may mean anything: then every queue is worth a look. */
export function decodeWakeUp(message: string): WakeUp {
  const [, kind, name] = /^(\w+)(?::(.+))?$/.exec(message) ?? []
  if (kind === "canceled" && name !== undefined) return { kind, jobId: name }
  if (kind === "outbox" || kind === "batches") return { kind }
  return kind === "queued" && name !== undefined ? { kind, queue: name } : { kind: "queued" }
}
