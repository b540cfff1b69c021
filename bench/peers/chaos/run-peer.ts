import { createHash } from "node:crypto"
import { setMaxListeners } from "node:events"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { between, randomFor } from "../../chaos/random.ts"
import { readNotes } from "./notes.ts"
import { effortsOf, Observer, untilEnded, type Violation } from "./observer.ts"
import { PeerChild } from "./peer-child.ts"
import { type FaultKind, inject, isPossible, type PeerStack } from "./peer-faults.ts"
import type { PeerOptions } from "./peer-options.ts"
import type { ProcessRole } from "./peer-process.ts"
import { openQueue, type QueueUnderTest, SYSTEMS, type SystemName } from "./queue-under-test.ts"
import { RawProxy } from "./raw-proxy.ts"
import { startStore } from "./start-store.ts"

/** All the jobs of one kind of fault. */
export type Phase = {
  kind: FaultKind
  /** None where the store knows no such fault. */
  faults: number
  jobs: number
  canceled: number
  violations: Violation[]
  /** Jobs that were started more than once, as every queue that tries again may do. */
  startedAgain: number
  /** Of a job, from its acknowledgement to its end. */
  longestWaitMs: number
  /** What the proxies have cut. */
  cut: number
  /** Processes that ended by themselves. */
  deaths: number
}
export type PeerReport = { system: SystemName; phases: Phase[] }
export type PeerEvents = { print: (line: string) => void; signal: AbortSignal }

const CONCURRENCY = 8
const WORKERS = 2
const MAX_ATTEMPTS = 10
const WORK_MS = { min: 100, max: 500 }
const CANCELED_SHARE = 0.05
const LOOK_MS = 500

/** Runs one queue under every kind of fault, one kind after the other. @throws when it cannot start, or aborted */
export async function runPeer(system: SystemName, options: PeerOptions, events: PeerEvents): Promise<PeerReport> {
  const { signal } = events
  setMaxListeners(0, signal) // every wait is under it
  const folder = join(options.folder, system)
  mkdirSync(folder, { recursive: true })
  const closing: (() => unknown)[] = []
  try {
    const store = await startStore[SYSTEMS[system].store]()
    closing.push(() => store.stop())
    const proxies = {
      producer: await RawProxy.start(store.port, randomFor(options.seed, "producer proxy")),
      worker: await RawProxy.start(store.port, randomFor(options.seed, "worker proxy")),
    }
    for (const proxy of Object.values(proxies)) closing.push(() => proxy.close())
    const settings = { url: store.url, concurrency: CONCURRENCY, lockMs: options.lockMs, maxAttempts: MAX_ATTEMPTS }
    const queue = await openWhenUp(system, settings, signal)
    closing.push(() => queue.close())
    closing.push(() => store.resume())
    const child = (role: Pick<ProcessRole, "role" | "ids">, name: string) => {
      const url = store.url.replace(`:${store.port}`, `:${proxies[role.role].port}`)
      const notes = join(folder, `${name}.jsonl`)
      const shared = { system, settings: { ...settings, url }, notes, workMs: WORK_MS, perSecond: options.perSecond }
      const process = new PeerChild({ ...shared, ...role }, join(folder, `${name}.log`))
      closing.push(() => process.close())
      return { process, notes }
    }
    const workers = Array.from({ length: WORKERS }, (_, i) => child({ role: "worker", ids: [] }, `worker-${i + 1}`))
    await Promise.all(workers.map(({ process }) => process.start()))

    const observer = new Observer(queue)
    const run: Run = {
      system,
      options,
      events,
      observer,
      workers,
      producerOf: (ids, name) => child({ role: "producer", ids }, name),
    }
    const phases: Phase[] = []
    for (const kind of options.only) {
      signal.throwIfAborted()
      const stack = { store, proxies, lockMs: options.lockMs, workers: workers.map(({ process }) => process) }
      phases.push(await runPhase(run, kind, stack))
    }
    return { system, phases: await readAgain(run, phases) }
  } finally {
    for (const close of closing.reverse()) await close()
  }
}

/** Its port is open a moment before it can be used. */
async function openWhenUp(
  system: SystemName,
  settings: Parameters<typeof openQueue>[1],
  signal: AbortSignal,
): Promise<QueueUnderTest> {
  for (let tries = 1; ; tries++) {
    try {
      return await openQueue(system, settings)
    } catch (error) {
      if (tries === 10 || (error as NodeJS.ErrnoException).code === "ERR_MODULE_NOT_FOUND") throw error
      await delay(300, undefined, { signal })
    }
  }
}

type Run = {
  system: SystemName
  options: PeerOptions
  events: PeerEvents
  observer: Observer
  workers: readonly { process: PeerChild; notes: string }[]
  producerOf: (ids: readonly string[], name: string) => { process: PeerChild; notes: string }
}

async function runPhase(run: Run, kind: FaultKind, rest: Omit<PeerStack, "producer">): Promise<Phase> {
  const { options, observer, workers } = run
  const { signal } = run.events
  const count = Math.ceil(options.jobs / options.only.length)
  const ids = Array.from({ length: count }, (_, i) => uuidOf(`${options.seed} ${kind} ${i}`))
  const producer = run.producerOf(ids, `producer-${kind.replaceAll(" ", "-")}`)
  const stack: PeerStack = { ...rest, producer: producer.process }
  const say = (line: string) => run.events.print(`${run.system}, ${kind}: ${line}`)
  const deathsOf = () => [...stack.workers, producer.process].reduce((sum, { deaths }) => sum + deaths, 0)
  const deathsBefore = deathsOf()
  const cutsBefore = cutsOf(rest.proxies)
  const violationsBefore = observer.violations.length
  const random = randomFor(options.seed, `${kind} clients`)
  observer.expect(ids)
  const seen = new Set<string>()
  const refresh = () => {
    for (const note of readNotes(producer.notes)) {
      if (note.event !== "acknowledged" || seen.has(note.id)) continue
      seen.add(note.id)
      observer.acknowledge(note.id)
      if (random() < CANCELED_SHARE) setTimeout(() => void observer.cancel(note.id), between(random, 0, 1_000))
    }
  }

  await producer.process.start()
  const faults = isPossible(kind, stack) ? Math.ceil(options.faults / options.only.length) : 0
  let faultsDone = 0
  const endMs = performance.now() + (count / options.perSecond) * 1_000 + options.patienceMs
  const isOver = () => performance.now() > endMs
  const injecting = (async () => {
    const harm = randomFor(options.seed, kind)
    for (let i = 0; i < faults; i++) {
      const atJob = Math.floor(((i + between(harm, 0.2, 0.6)) * count) / faults)
      while (seen.size < atJob && !isOver()) await delay(20, undefined, { signal })
      if (isOver()) return
      await inject(kind, stack, harm)
      faultsDone++
    }
  })()
  injecting.catch(() => undefined) // seen when it is waited for
  const isUnderWay = () => seen.size < count || faultsDone < faults
  for (let looks = 0; isUnderWay() && !isOver(); looks++) {
    await delay(LOOK_MS, undefined, { signal })
    refresh()
    await observer.look(ids)
    if (looks % 4 === 3) say(`${observer.count("ended", ids)} of ${seen.size} ended, ${faultsDone} of ${faults} faults`)
  }
  await injecting
  await untilEnded(observer, ids, { refresh, patienceMs: options.patienceMs, signal })
  const efforts = effortsOf(workers.flatMap(({ notes }) => readNotes(notes)))
  observer.settle(ids, efforts)
  await producer.process.close()
  const violations = observer.violations.slice(violationsBefore)
  const canceled = observer.count("canceled", ids)
  const startedAgain = ids.filter((id) => (efforts.get(id)?.started ?? 0) > 1).length
  const longestWaitMs = observer.longestWaitMs(ids)
  const cut = cutsOf(rest.proxies) - cutsBefore
  say(
    `all read, ${startedAgain} started again, longest wait ${(longestWaitMs / 1_000).toFixed(1)} s, ${violations.length} violations`,
  )
  const deaths = deathsOf() - deathsBefore
  return { kind, faults: faultsDone, jobs: count, canceled, violations, startedAgain, longestWaitMs, cut, deaths }
}

/** What changed after its phase was over belongs to that phase. */
async function readAgain({ options, observer, workers }: Run, phases: readonly Phase[]): Promise<Phase[]> {
  const efforts = effortsOf(workers.flatMap(({ notes }) => readNotes(notes)))
  const again: Phase[] = []
  for (const phase of phases) {
    const ids = Array.from({ length: phase.jobs }, (_, i) => uuidOf(`${options.seed} ${phase.kind} ${i}`))
    await observer.look(ids)
    observer.settle(ids, efforts)
    const own = new Set(ids)
    again.push({ ...phase, violations: observer.violations.filter(({ id }) => own.has(id)) })
  }
  return again
}

const cutsOf = (proxies: PeerStack["proxies"]) =>
  Object.values(proxies)
    .flatMap(({ lost }) => Object.values(lost))
    .reduce((sum, count) => sum + count, 0)

/** The same id for the same name: a random UUID by its form. */
function uuidOf(name: string): string {
  const hex = createHash("sha256").update(name).digest("hex")
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}
