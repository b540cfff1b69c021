// One process of a run, which may be killed at any time: a worker, or the producer. Options as JSON in argv.
import { setTimeout as delay } from "node:timers/promises"
import { randomFor, wholeBetween } from "../../chaos/random.ts"
import { openNotes, readNotes } from "./notes.ts"
import { openQueue, type QueueSettings, type SystemName } from "./queue-under-test.ts"

export type ProcessRole = {
  role: "worker" | "producer"
  system: SystemName
  settings: QueueSettings
  /** Where it writes down what it does. */
  notes: string
  workMs: { min: number; max: number }
  /** The producer's jobs, and how many of them a second. */
  ids: readonly string[]
  perSecond: number
}

const AGAIN_MS = 200

const options = JSON.parse(process.argv[2] ?? "") as ProcessRole
process.once("disconnect", () => process.exit(0)) // whoever started it is gone
const queue = await openQueue(options.system, options.settings)
const notes = openNotes(options.notes)
process.once("message", () => void queue.close().finally(() => process.exit(0)))
process.send?.("up")
if (options.role === "worker") await work()
else await produce()

function work(): Promise<void> {
  let attempts = 0
  const onAccepted = (id: string) => notes.write({ event: "accepted", id })
  return queue.work(async (id) => {
    const answer = `${process.pid}-${++attempts}`
    notes.write({ event: "started", id, answer })
    await delay(wholeBetween(randomFor(attempts, id), options.workMs.min, options.workMs.max))
    notes.write({ event: "finished", id, answer })
    return answer
  }, onAccepted)
}

/** Submits at an even rate what has not been acknowledged yet, each under its own id until it is. */
async function produce(): Promise<void> {
  const known = readNotes(options.notes)
  const acknowledged = new Set(known.flatMap((note) => (note.event === "acknowledged" ? [note.id] : [])))
  const submitting: Promise<void>[] = []
  for (const id of options.ids.filter((id) => !acknowledged.has(id))) {
    submitting.push(submit(id))
    await delay(1_000 / options.perSecond)
  }
  await Promise.all(submitting)
  await queue.close()
  process.exit(0)
}

async function submit(id: string): Promise<void> {
  for (;;) {
    try {
      await queue.submit(id)
      return notes.write({ event: "acknowledged", id })
    } catch (error) {
      notes.write({ event: "refused", id, reason: String(error).slice(0, 200) })
      await delay(AGAIN_MS)
    }
  }
}
