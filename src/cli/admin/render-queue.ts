import { z } from "zod"
import { modelOfQueue } from "../../lib/queue/queue-name.ts"
import { countOf, humanBytes, humanMs } from "../terminal/human-units.ts"
import type { Paint } from "../terminal/terminal.ts"
import { renderTable } from "../terminal/text-table.ts"

const line = z.looseObject({
  id: z.string(),
  depth: z.number(),
  oldest_age_ms: z.number().nullable(),
  classifiers: z.number(),
  per_second: z.number(),
  eta_ms: z.number().nullable(),
  paused: z.boolean().default(false),
  concurrency: z.number().nullable().default(null),
})

/** What `GET /v1/queue` says (src/lib/queue/queue-stats.ts); fields that came later stay for `--json`. */
export const queueSchema = z.looseObject({
  depth: z.number(),
  bytes: z.number(),
  processing: z.number(),
  dead: z.number(),
  paused: z.boolean(),
  classifiers: z.number(),
  models: z.array(line),
  others: z.array(line).default([]),
})
export type Queue = z.infer<typeof queueSchema>

/** How the queue stands, in a line, and a line for each queue. */
export function renderQueue(queue: Queue, paint: Paint): string {
  const { depth, bytes, processing, dead, classifiers, paused } = queue
  const lines = [...queue.models, ...queue.others]
  const facts = [
    `${depth.toLocaleString("en-US")} waiting${bytes > 0 ? ` (${humanBytes(bytes)})` : ""}`,
    `${processing} in work`,
    dead > 0 ? paint("red", `${dead} dead`) : "0 dead",
    classifiers > 0 ? countOf(classifiers, "classifier") : paint("yellow", "no classifier"),
  ]
  const heading = facts.join(" · ") + (paused ? ` · ${paint("yellow", "paused")}` : "")
  if (lines.length === 0) return `${heading}\nNo classifier has served a model yet.`
  const rows = lines.map((waiting) => [
    waiting.id,
    waiting.depth.toLocaleString("en-US"),
    waiting.oldest_age_ms === null ? "–" : humanMs(waiting.oldest_age_ms),
    String(waiting.classifiers),
    waiting.per_second > 0 ? `${waiting.per_second.toFixed(1)}/s` : "–",
    waiting.eta_ms === null || paused || waiting.paused ? "–" : humanMs(waiting.eta_ms),
  ])
  const notes = lines
    .filter((waiting) => waiting.depth > 0 && waiting.classifiers === 0)
    .map(({ id, depth }) => {
      const model = id.replace(/@url$/, "")
      // While no classifier is there at all, they wait for one to come back.
      const advice = classifiers > 0 ? `; claimcheck queue move ${model} TO, or claimcheck queue drop ${model}` : ""
      return `${paint("yellow", "nobody serves")} ${id}: ${countOf(depth, "job")} ${depth === 1 ? "waits" : "wait"}${advice}`
    })
  // Both queues of a model say the same.
  const limited = new Map(lines.map(({ id, paused, concurrency }) => [modelOfQueue(id), { paused, concurrency }]))
  for (const [id, { paused, concurrency }] of limited) {
    if (paused) notes.push(`${paint("yellow", "paused")} ${id}; claimcheck resume --model ${id}`)
    if (concurrency !== null) notes.push(`limited ${id}: ${countOf(concurrency, "job")} at once`)
  }
  const titles = ["queue", "waiting", "oldest", "classifiers", "rate", "a new one takes"]
  const table = renderTable([titles, ...rows], paint, { right: [1, 2, 3, 4, 5] })
  return [heading, "", table, ...(notes.length === 0 ? [] : ["", ...notes])].join("\n")
}
