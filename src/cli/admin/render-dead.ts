import { locationOf } from "../../lib/queue/job-source.ts"
import type { DeadLetter } from "../../lib/queue/operator.ts"
import { humanBytes, humanMs } from "../terminal/human-units.ts"
import type { Paint } from "../terminal/terminal.ts"
import { renderTable } from "../terminal/text-table.ts"

/** One line a dead letter: enough to see a pattern. */
export function renderDeadList(
  letters: readonly DeadLetter[],
  { paint, nowMs }: { paint: Paint; nowMs: number },
): string {
  const rows = letters.map(({ id, diedMs, job, isUnreadable }) => [
    id,
    `${humanMs(Math.max(0, nowMs - diedMs))} ago`,
    job?.queue ?? "",
    job === null ? "" : humanBytes(job.bytes),
    job?.caller ?? "",
    reasonOf({ job, isUnreadable }),
  ])
  return renderTable([["job", "died", "queue", "image", "caller", "reason"], ...rows], paint, { right: [1, 3] })
}

/** All that is known of one. */
export function renderDead(
  { id, diedMs, job, isUnreadable }: DeadLetter,
  { paint, nowMs }: { paint: Paint; nowMs: number },
): string {
  const instant = (ms: number) => `${new Date(ms).toISOString()}  ${humanMs(Math.max(0, nowMs - ms))} ago`
  const rows: [string, string | undefined][] = [
    ["job", id],
    ["ticket", job?.input.ticketId],
    ["reason", reasonOf({ job, isUnreadable })],
    ["attempts", job === null ? undefined : `${job.attempts} of ${job.maxAttempts}`],
    ["last worker", job?.state === "failed" ? job.worker : undefined],
    ["operation", job?.input.operation.name],
    ["model", job?.model],
    ["caller", job?.caller],
    ["created", job === null ? undefined : instant(job.createdMs)],
    ["started", job?.startedMs === undefined ? undefined : instant(job.startedMs)],
    ["died", instant(diedMs)],
    ["image", job?.input.image && imageText(job.input.image)],
    ["sha256", job?.input.image?.sha256],
    ["fetched from", job === null ? undefined : locationOf(job.input.source)],
    ["shared by", job?.followers ? `${job.followers} more tickets` : undefined],
  ]
  const known = rows.filter((row): row is [string, string] => row[1] !== undefined)
  const columns = Math.max(...known.map(([name]) => name.length))
  return known.map(([name, value]) => `${paint("dim", name.padEnd(columns))}  ${value}`).join("\n")
}

function reasonOf({ job, isUnreadable }: { job: DeadLetter["job"]; isUnreadable: true | undefined }): string {
  if (job === null)
    return isUnreadable ? "its record cannot be read: another release has written it" : "its record has expired"
  // How many attempts it had stands elsewhere.
  return job.state === "failed" ? job.error.message.replace(/^Given up after \d+ attempts: /, "") : job.state
}

function imageText({ format, width, height, bytes }: { format: string; width: number; height: number; bytes: number }) {
  return `${width}×${height} ${format}, ${humanBytes(bytes)}`
}
