import { setTimeout as delay } from "node:timers/promises"
import { between, pick, type Random } from "../../chaos/random.ts"
import type { PeerChild } from "./peer-child.ts"
import type { RawProxy, RawTrouble } from "./raw-proxy.ts"
import type { Store } from "./store.ts"

export type PeerStack = {
  store: Store
  workers: readonly PeerChild[]
  producer: PeerChild
  proxies: { producer: RawProxy; worker: RawProxy }
  lockMs: number
}

/** How long replies are held back before the producer dies: what it has submitted meanwhile is not acknowledged. */
const UNACKNOWLEDGED_MS = 500

type Inject = (stack: PeerStack, random: Random) => Promise<void>

const cut =
  (how: RawTrouble): Inject =>
  async ({ proxies }, random) => {
    const trouble = { how, share: between(random, 0.1, 0.5) }
    for (const proxy of Object.values(proxies)) proxy.setTrouble(trouble)
    await delay(between(random, 1_500, 4_000))
    for (const proxy of Object.values(proxies)) proxy.setTrouble(null)
  }

/** Each resolves when the stack is whole again. */
const FAULTS = {
  "worker killed": async ({ workers }, random) => {
    const worker = pick(random, workers)
    await worker.kill()
    await delay(between(random, 0, 2_000))
    await worker.start()
  },
  "worker stalled": ({ workers, lockMs }, random) =>
    paused(pick(random, workers), between(random, lockMs * 1.2, lockMs * 2.5)),
  "store restarted": ({ store }, random) => store.restart(between(random, 0, 1_500)),
  "store killed": async ({ store }, random) => {
    await store.kill()
    await store.restart(between(random, 0, 1_500))
  },
  "store stalled": ({ store }, random) => paused(store, between(random, 1_000, 3_000)),
  "requests lost": cut("request"),
  "replies lost": cut("reply"),
  "producer killed": async ({ producer, proxies }, random) => {
    proxies.producer.setTrouble({ how: "mute", share: 1 })
    await delay(UNACKNOWLEDGED_MS)
    await producer.kill()
    proxies.producer.setTrouble(null)
    await delay(between(random, 0, 1_000))
    await producer.start()
  },
  "store full": async ({ store }, random) => store.fill?.(between(random, 1_000, 3_000)),
} as const satisfies Record<string, Inject>

export type FaultKind = keyof typeof FAULTS
export const FAULT_KINDS = Object.keys(FAULTS) as FaultKind[]

export const isPossible = (kind: FaultKind, { store }: PeerStack) => kind !== "store full" || store.fill !== null

export const inject = (kind: FaultKind, stack: PeerStack, random: Random): Promise<void> => FAULTS[kind](stack, random)

async function paused(what: Pick<Store, "pause" | "resume">, forMs: number): Promise<void> {
  what.pause()
  try {
    await delay(forMs)
  } finally {
    what.resume()
  }
}
