import type { Claimcheck, Image, TicketData } from "../lib/client/claimcheck.ts"
import { CliError } from "./cli-error.ts"
import { forTerminal } from "./edge-client.ts"
import { isPictureUrl } from "./picture-url.ts"
import { readImageFile } from "./read-image-file.ts"
import { readSample, sampleNameOf } from "./read-sample.ts"
import { runInOrder } from "./run-in-order.ts"

export type ClassifyOptions = {
  /** Address of the edge, for what is said about it. */
  url: string
  signal: AbortSignal
  concurrency: number
  operation?: string | undefined
  /** Of the operation, as the API names them. */
  options?: Readonly<Record<string, string | number>> | undefined
  /** What is left to do with a file's answer; its failure is the file's. */
  finish?: ((file: string, ticket: TicketData) => Promise<void>) | undefined
  model?: string | undefined
  topK?: number | undefined
  threshold?: number | undefined
  lang?: string | undefined
  noCache?: boolean | undefined
  webhookUrl?: string | undefined
  /** How long to wait for a file's answer. */
  timeoutMs?: number | undefined
}

export type Outcome = { file: string; ticket: TicketData } | { file: string; error: CliError }

export type Listener = {
  /** In the order of the files. */
  tell: (outcome: Outcome) => void
  /** Each time that one more is done, in whichever order. */
  done: (outcome: Outcome) => void
  /** A file's ticket waits, and no classifier is there for its model. */
  noClassifier: (ticket: TicketData) => void
}

/** Has files worked on, several at once. What happens to one of them is told; only an abort or a bug is thrown. */
export function classifyFiles(
  client: Claimcheck,
  files: readonly string[],
  { concurrency, ...options }: ClassifyOptions,
  { tell, done, noClassifier }: Listener,
): Promise<void> {
  return runInOrder(files, {
    concurrency,
    tell,
    work: async (file) => {
      const outcome = await classifyFile(client, file, options, noClassifier)
      done(outcome)
      return outcome
    },
  })
}

async function classifyFile(
  client: Claimcheck,
  file: string,
  { signal, timeoutMs, url, finish, ...options }: Omit<ClassifyOptions, "concurrency">,
  noClassifier: Listener["noClassifier"],
): Promise<Outcome> {
  try {
    const ticket = await client.submit(await openImage(file, { url, signal }), { ...options, signal })
    if (ticket.latest?.queue?.classifiers === 0) noClassifier(ticket.latest)
    const done = await ticket.result({ signal, timeoutMs })
    await finish?.(file, done)
    return { file, ticket: done }
  } catch (cause) {
    if (signal.aborted) throw cause
    const error = forTerminal(cause, { url })
    if (!(error instanceof CliError)) throw error
    return { file, error }
  }
}

/** What is sent: the URL of a picture elsewhere, the bytes of any other. @throws CliError */
async function openImage(input: string, edge: { url: string; signal: AbortSignal }): Promise<Image> {
  if (isPictureUrl(input)) return { url: input }
  const sample = sampleNameOf(input)
  const { bytes, contentType } = await (sample === null ? readImageFile(input) : readSample(sample, edge))
  return new Blob([bytes], { type: contentType })
}
