import { AppError } from "../../lib/app-error.ts"
import type { DeadLetter, Operator, Revived } from "../../lib/queue/operator.ts"
import { CliError } from "../cli-error.ts"
import type { AdminDeps } from "./open-admin.ts"

const PAGE = 100

/** All dead letters, latest first, each once, even if new ones shift the pages. */
async function* eachDead(operator: Pick<Operator, "listDead">): AsyncGenerator<DeadLetter> {
  const seen = new Set<string>()
  for (let offset = 0; ; offset += PAGE) {
    const page = await operator.listDead({ offset, count: PAGE })
    for (const letter of page) {
      if (!seen.has(letter.id)) yield letter
      seen.add(letter.id)
    }
    if (page.length < PAGE) return
  }
}

/** The ids of all of them, taken before anything is changed. */
export async function allDeadIds(operator: Pick<Operator, "listDead">): Promise<string[]> {
  const ids: string[] = []
  for await (const { id } of eachDead(operator)) ids.push(id)
  return ids
}

/** The jobs that lie behind ids: a ticket that shares another's work died with it. */
export async function findWork({ store }: Pick<AdminDeps, "store">, ids: readonly string[]): Promise<string[]> {
  const workOf = async (id: string) => {
    try {
      return (await store.read(id))?.leader ?? id
    } catch (error) {
      // It was set aside for that very reason.
      if (error instanceof AppError && error.code === "job_unreadable") return id
      throw error
    }
  }
  return [...new Set(await Promise.all(ids.map(workOf)))]
}

/** @throws CliError when it is not among the dead */
export async function findDead(deps: AdminDeps, id: string): Promise<DeadLetter> {
  const [workId] = await findWork(deps, [id])
  for await (const letter of eachDead(deps.operator)) if (letter.id === workId) return letter
  throw new CliError(`There is no dead letter ${id}`, { code: "not_found" })
}

export type RetrySummary = { queued: string[]; missing: string[]; payloadMissing: string[] }

/** Sends dead letters again, oldest first: they get back into line in the order in which they died. */
export async function retryDead(
  operator: Pick<Operator, "retryDead">,
  ids: readonly string[],
  times: { nowMs: number; deadlineMs: number },
): Promise<RetrySummary> {
  const summary: RetrySummary = { queued: [], missing: [], payloadMissing: [] }
  const listOf: Record<Revived, string[]> = {
    queued: summary.queued,
    missing: summary.missing,
    payload_missing: summary.payloadMissing,
  }
  for (const id of ids.toReversed()) listOf[await operator.retryDead(id, times)].push(id)
  return summary
}

export type DropSummary = { dropped: string[]; missing: string[] }

export async function dropDead(operator: Pick<Operator, "dropDead">, ids: readonly string[]): Promise<DropSummary> {
  const summary: DropSummary = { dropped: [], missing: [] }
  for (const id of ids) ((await operator.dropDead(id)) ? summary.dropped : summary.missing).push(id)
  return summary
}
