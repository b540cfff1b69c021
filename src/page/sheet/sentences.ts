import type { Shrunk } from "../../lib/client/claimcheck.ts"
import { failureOf, haltOf, isDone, isSucceeded, type Picture, type Refusal } from "../album/picture.ts"

const SENTENCES: Record<string, string> = {
  image_too_large: "This file is larger than the server allows.",
  side_too_long: "This picture is wider or higher than the server allows.",
  too_many_pixels: "This picture has more pixels than the server allows.",
  not_a_picture: "This is neither a picture nor a list of pictures.",
  unsupported_image: "The server does not support this file format.",
  empty_body: "This file is empty.",
  invalid_image: "This picture is damaged and cannot be decoded.",
  no_url_column: "The server found no column of URLs by its name. Choose it.",
  unknown_model: "The server does not know this model.",
  not_found: "The server no longer knows this ticket; it may have expired.",
  network: "The server could not be reached.",
  bad_response: "The response does not come from claimcheck.",
  queue_full: "The queue is full. Try again later.",
  draining: "The server is being upgraded. Try again later.",
  caller_queue_full: "Too many of your pictures are waiting. Try again later.",
  results_full: "The server is full. Try again when earlier results have expired.",
  redis_full: "The server is full. Try again later.",
  caller_bytes_full: "Your storage is full. Try again when earlier results have expired.",
  redis_unavailable: "The server cannot reach its queue. Try again later.",
  deadline_exceeded: "No classifier started this picture before its deadline.",
  attempts_exhausted: "All attempts for this picture failed.",
  canceled: "Canceled.",
  unreadable: "The browser could not read this file.",
  not_uploaded: "The page was closed before this picture was uploaded.",
}

/** Sentence for an error. */
export function failureSentence({ code, message }: Refusal): string {
  return SENTENCES[code] ?? `${message}.`.replace(/([.!?…])\.$/, "$1")
}

/** State of a picture in a few words. */
export function stateWords(picture: Picture): string {
  const failure = failureOf(picture)
  if (failure !== null) return failure.code === "canceled" ? "canceled" : "failed"
  const { progress, needsKey } = picture
  if (needsKey === true) return "waiting for your key"
  if (progress.phase === "waiting") return "waiting to upload"
  if (progress.phase !== "ticket") return "uploading"
  const { status, queue, predictions } = progress.ticket
  const [first] = predictions ?? []
  if (first !== undefined) return `${first.label}, ${percent(first.probability)}`
  const halt = haltOf(progress.ticket)
  if (status === "queued" && halt !== null) return `queued, ${halt}`
  if (status === "queued" && queue?.position != null) return `queued, ${placeWords(queue.position)}`
  return status
}

/** Counts of pictures by outcome: "20 done, 2 failed". */
export function countWords(pictures: readonly Picture[]): string {
  const succeeded = pictures.filter(isSucceeded).length
  const canceled = pictures.filter((picture) => failureOf(picture)?.code === "canceled").length
  const open = pictures.filter((picture) => !isDone(picture)).length
  const counts = { done: succeeded, failed: pictures.length - succeeded - canceled - open, canceled, "to go": open }
  return Object.entries(counts)
    .filter(([what, count]) => count > 0 || (what === "done" && open === 0))
    .map(([what, count]) => `${count.toLocaleString("en")} ${what}`)
    .join(", ")
}

/** That a smaller copy was sent, and of what. */
export function shrunkSentence({ bytes, sentBytes }: Shrunk): string {
  return `The file has ${humanBytes(bytes)}: a smaller copy of ${humanBytes(sentBytes)} was sent.`
}

export function placeWords(position: number): string {
  return position === 0 ? "next in line" : `${position} ahead`
}

export function percent(probability: number): string {
  const value = probability * 100
  if (value < 0.05) return "< 0.1 %"
  return `${value >= 99.95 ? "100" : value.toFixed(1)} %`
}

export function humanBytes(bytes: number): string {
  if (bytes < 1_000) return `${bytes} bytes`
  return bytes < 1_000_000 ? `${Math.round(bytes / 1_000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`
}

export function humanMs(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1_000).toFixed(ms < 10_000 ? 1 : 0)} s`
  const minutes = Math.round(ms / 60_000)
  return minutes < 90 ? `${minutes} min` : `${Math.round(minutes / 60)} h`
}

export function countOf(count: number, what: string): string {
  return `${count.toLocaleString("en")} ${what}${count === 1 ? "" : "s"}`
}
