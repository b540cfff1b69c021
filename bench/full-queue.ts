import { setTimeout } from "node:timers/promises"
import { type Claimcheck, Ticket } from "../src/lib/client/claimcheck.ts"
import { Operator } from "../src/lib/queue/operator.ts"
import type { QueueStats } from "../src/lib/queue/queue-stats.ts"
import { createKeys } from "../src/lib/redis/keys.ts"
import { connectRest } from "../src/lib/redis/rest.ts"
import { DEFAULT_STORE_LIMITS } from "../test/support/store/store-limits.ts"
import type { BenchStack } from "./stack.ts"

export type Load = { client: Claimcheck; pictures: readonly Uint8Array[]; jobs: number }

/** First claim to last complete, by the classifier's own clock, while nobody uploads or polls. */
export async function fullQueue(stack: BenchStack, load: Load): Promise<{ perSecond: number }> {
  const operator = new Operator(connectRest(stack.rest), createKeys(), DEFAULT_STORE_LIMITS)
  await operator.pause()
  const ids = await submitAll(load)
  await operator.resume()
  await untilEmpty(stack)
  const done = []
  for (const id of ids) done.push(await Ticket.from(id, { url: stack.url }).result())
  const startMs = Math.min(...done.map(({ started_at: at = "" }) => Date.parse(at)))
  const endMs = Math.max(...done.map(({ finished_at: at = "" }) => Date.parse(at)))
  return { perSecond: (done.length * 1_000) / (endMs - startMs) }
}

/** Looks at the queue as a whole, seldom: to ask for each ticket meanwhile would take the time of those who work. */
async function untilEmpty({ url }: BenchStack): Promise<void> {
  for (;;) {
    const { depth, processing } = (await (await fetch(`${url}/v1/queue`)).json()) as QueueStats
    if (depth + processing === 0) return
    await setTimeout(1_000)
  }
}

/** Puts pictures into the queue and waits for none. */
async function submitAll({ client, pictures, jobs }: Load): Promise<string[]> {
  const ids: string[] = []
  let next = 0
  const work = async () => {
    for (let i = next++; i < jobs; i = next++) {
      ids.push((await client.submit(pictures[i % pictures.length] as Uint8Array, { noCache: true })).id)
    }
  }
  await Promise.all(Array.from({ length: 8 }, work))
  return ids
}
