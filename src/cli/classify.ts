import { sleep } from "../lib/sleep.ts"
import { type Answer, ApiError, type CallApi } from "./api.ts"
import { type AwaitOptions, awaitTicket, mayPass } from "./await-ticket.ts"
import { CliError } from "./cli-error.ts"
import { nextPollMs, retryAfterMs } from "./next-poll.ts"
import { readImageFile } from "./read-image-file.ts"
import type { Ticket } from "./wire.ts"

export type ClassifyOptions = AwaitOptions & { model?: string | undefined; topK?: number | undefined }

/** A full queue says when to come back; so often we do. */
const MAX_SUBMITS = 8

/** Uploads a file and waits for its ticket. Throws a CliError; also for a job that the classifier failed. */
export async function classifyFile(call: CallApi, path: string, options: ClassifyOptions): Promise<Ticket> {
  const { bytes, contentType } = await readImageFile(path)
  const query = new URLSearchParams()
  if (options.model !== undefined) query.set("model", options.model)
  if (options.topK !== undefined) query.set("top_k", String(options.topK))
  const target = `/v1/classifications${query.size === 0 ? "" : `?${query}`}`
  const init = { method: "POST", body: bytes, headers: { "content-type": contentType }, signal: options.signal }
  const ticket = await awaitTicket(call, await submit(call, { target, init }, options), options)
  if (ticket.status === "succeeded") return ticket
  const reason = ticket.error ? `${ticket.error.message} (${ticket.error.code})` : `The job is ${ticket.status}`
  throw new CliError(reason, { code: ticket.error?.code ?? ticket.status })
}

type Request = { target: string; init: RequestInit }

/** Only a 429 and a 503 are sent again: they promise that nothing was kept. */
async function submit(call: CallApi, { target, init }: Request, options: ClassifyOptions): Promise<Answer> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await call(target, init)
    } catch (error) {
      const busy = error instanceof ApiError && (error.status === 429 || error.status === 503)
      if (!busy || !mayPass(error) || attempt + 1 >= MAX_SUBMITS) throw error
      const hintMs = retryAfterMs(error.headers, (options.now ?? Date.now)())
      await (options.sleep ?? sleep)(
        nextPollMs({ attempt, hintMs, random: options.random ?? Math.random }),
        options.signal,
      )
      options.signal.throwIfAborted()
    }
  }
}
