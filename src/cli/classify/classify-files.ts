import type { Claimcheck, Image, Shrunk, SubmitOptions, TicketData } from "../../lib/client/claimcheck.ts"
import { forTerminal } from "../api/edge-client.ts"
import { CliError } from "../cli-error.ts"
import { isPictureUrl } from "../files/picture-url.ts"
import { readImageFile } from "../files/read-image-file.ts"
import { readSample, sampleNameOf } from "../files/read-sample.ts"
import { runInOrder } from "./run-in-order.ts"

export type ClassifyOptions = {
  /** Address of the edge, for what is said about it. */
  url: string
  key?: string | undefined
  signal: AbortSignal
  concurrency: number
  submit?: Omit<SubmitOptions, "signal" | "idempotencyKey" | "onShrink">
  /** What is left to do with a file's answer; its failure is the file's. */
  finish?: ((file: string, ticket: TicketData, client: Claimcheck) => Promise<void>) | undefined
  /** Folder for what the jobs make, for what is said of a ticket that goes on. */
  out?: string | undefined
  /** How long to wait for a file's answer. */
  timeoutMs?: number | undefined
}

export type Outcome = { file: string; ticket: TicketData } | { file: string; error: CliError }

export type Listener = {
  /** In the order of the files. */
  tell: (outcome: Outcome) => void
  /** Each time that one more is done, in whichever order. */
  done: (outcome: Outcome) => void
  /** A file has a ticket, which goes on by itself. */
  accepted: (file: string, ticketId: string) => void
  /** Each state of a file's ticket that is seen. */
  seen: (ticket: TicketData) => void
  /** A smaller copy of a file is sent. */
  shrunk: (file: string, copy: Shrunk) => void
}

/** Processes several files at once and reports each; throws only for an abort or a bug. */
export function classifyFiles(
  client: Claimcheck,
  files: readonly string[],
  { concurrency, ...options }: ClassifyOptions,
  { tell, done, ...listener }: Listener,
): Promise<void> {
  return runInOrder(files, {
    concurrency,
    tell,
    work: async (file) => {
      const outcome = await classifyFile(client, file, options, listener)
      done(outcome)
      return outcome
    },
  })
}

async function classifyFile(
  client: Claimcheck,
  file: string,
  { signal, timeoutMs, url, key, out, finish, submit = {} }: Omit<ClassifyOptions, "concurrency">,
  { accepted, seen, shrunk }: Pick<Listener, "accepted" | "seen" | "shrunk">,
): Promise<Outcome> {
  try {
    const image = await openImage(file, client, signal)
    const ticket = await client.submit(image, { ...submit, signal, onShrink: (copy) => shrunk(file, copy) })
    accepted(file, ticket.id)
    if (ticket.latest !== undefined) seen(ticket.latest)
    const done = await ticket.result({ signal, timeoutMs, onUpdate: seen })
    await finish?.(file, done, client)
    return { file, ticket: done }
  } catch (cause) {
    if (signal.aborted) throw cause
    const error = forTerminal(cause, { url, key, out })
    if (!(error instanceof CliError)) throw error
    const mayShrink = (submit.operation ?? "classify") === "classify" && submit.shrink === undefined
    return { file, error: mayShrink && isTooLarge(error) ? withAdvice(error) : error }
  }
}

const isTooLarge = ({ code }: CliError) => code === "image_too_large" || code === "too_many_pixels"

function withAdvice(error: CliError): CliError {
  return new CliError(`${error.message}; --shrink sends a smaller copy`, { code: error.code, cause: error })
}

/** What is sent: the URL of a picture elsewhere, the bytes of any other. @throws CliError */
async function openImage(input: string, client: Claimcheck, signal: AbortSignal): Promise<Image> {
  if (isPictureUrl(input)) return { imageUrl: input }
  const sample = sampleNameOf(input)
  const { bytes, contentType } = await (sample === null ? readImageFile(input) : readSample(sample, client, signal))
  return new Blob([bytes], { type: contentType })
}
