import type { BatchTicket } from "../../lib/batches/batch-ticket.ts"
import type { Batch, Claimcheck } from "../../lib/client/claimcheck.ts"
import { sayNotices } from "../api/say-waits.ts"
import { countOf, humanMs } from "../terminal/human-units.ts"
import { showProgress } from "../terminal/progress.ts"
import { printError } from "../terminal/terminal.ts"
import { downloadOutputs } from "./download-outputs.ts"
import { followBatch } from "./follow-batch.ts"

/** followBatch() below a progress bar, with what the batch waits for. */
export async function followWithBar(follow: Parameters<typeof followBatch>[0]): Promise<BatchTicket> {
  const first = await follow.batch.refresh({ signal: follow.signal })
  follow.onTicket(first)
  const progress = showProgress(first.pictures.total)
  const sayNotice = sayNotices()
  sayNotice(first.id, { done: first.done, notice: first.notice })
  const onTicket = (ticket: BatchTicket) => {
    follow.onTicket(ticket)
    sayNotice(ticket.id, { done: ticket.done, notice: ticket.notice })
    progress.update(ticket.pictures.done, noteOf(ticket))
  }
  try {
    return await followBatch({ ...follow, onTicket })
  } finally {
    progress.stop()
  }
}

type DownloadWithBar = {
  client: Claimcheck
  batch: Batch
  ticket: BatchTicket
  folder: string
  /** The column that names the files. */
  column: string | undefined
  options: { force?: true; json?: boolean }
  signal: AbortSignal
}

/** downloadOutputs() below a progress bar. */
export async function downloadWithBar({
  client,
  batch,
  ticket,
  folder,
  column,
  options,
  signal,
}: DownloadWithBar): Promise<void> {
  const progress = showProgress(ticket.pictures.succeeded)
  try {
    const { files } = await downloadOutputs({
      client,
      batch,
      folder,
      column,
      force: options.force === true,
      signal,
      onSaved: (count) => progress.update(count),
    })
    progress.stop()
    if (process.stderr.isTTY || !options.json) printError(`${countOf(files, "file")} in ${folder}`)
  } finally {
    progress.stop()
  }
}

function noteOf({ pictures, per_second, eta_ms, notice }: BatchTicket): string {
  return [
    pictures.failed > 0 && `${pictures.failed} failed`,
    per_second !== null && `${per_second.toFixed(1)}/s`,
    notice === undefined && eta_ms != null && eta_ms > 0 && `${humanMs(eta_ms)} left`,
  ]
    .filter(Boolean)
    .join(" · ")
}
