import { setMaxListeners } from "node:events"
import { createWriteStream, mkdirSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import {
  accountForAttempts,
  accountForQueue,
  accountForRedis,
  accountForTickets,
  accountForWebhooks,
  accountForWork,
  ORPHAN_TTL_MS,
} from "./accounting.ts"
import { BatchClients } from "./batch-clients.ts"
import { Clients } from "./clients.ts"
import { FaultSchedule } from "./fault-schedule.ts"
import { Ledger } from "./ledger.ts"
import { type ChaosOptions, isShortLived } from "./options.ts"
import { planFaults } from "./plan.ts"
import { removeDamaged } from "./redis-faults.ts"
import { openRedisWitness, type RedisAudit, type RedisWitness } from "./redis-witness.ts"
import { type ChaosReport, summarize } from "./report.ts"
import type { RunContext } from "./run-context.ts"
import { startStack } from "./stack.ts"
import { WorkLog } from "./work-log.ts"
import { type Caller, createCallers, toApiKeys } from "./workload.ts"

const PROGRESS_MS = 2_000
/** A webhook that was refused comes again after five seconds. */
const TOLD_MS = 8_000

export type ChaosEvents = { print: (line: string) => void; signal: AbortSignal }

/** Runs the stack, the faults and the clients, and accounts for every ticket. @throws when the stack cannot start, or aborted */
export async function runChaos(options: ChaosOptions, { print, signal }: ChaosEvents): Promise<ChaosReport> {
  mkdirSync(options.folder, { recursive: true })
  const events = createWriteStream(join(options.folder, "events.jsonl"), { flags: "a" })
  const startMs = performance.now()
  const note: RunContext["note"] = (event, fields = {}) =>
    void events.write(`${JSON.stringify({ time: new Date().toISOString(), event, ...fields })}\n`)
  const say = (line: string) => print(`[${((performance.now() - startMs) / 1_000).toFixed(1).padStart(6)} s] ${line}`)
  note("options", { ...options })

  const ledger = new Ledger((violation) => {
    note("violation", violation)
    say(`VIOLATION ${violation.rule}: ${violation.ticket ?? ""} ${violation.detail}`)
  })
  const callers = createCallers(options.seed)
  const workLog = new WorkLog(ledger)
  const stack = await startStack(options, toApiKeys(callers), {
    onLine: (process, line) => workLog.read(process, line),
    onDeath: (process, why) => {
      ledger.violate("died", null, why)
      void process.exclusively(() => process.start()).catch(() => undefined) // one violation is enough
    },
  })
  const kill = () => stack.kill()
  signal.addEventListener("abort", kill)
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(options.maxMinutes * 60_000)])
  setMaxListeners(0, deadline, signal) // every client waits under it
  try {
    return await runUnder({ options, stack, ledger, note, say, deadline, interrupted: signal }, callers, workLog)
  } finally {
    signal.removeEventListener("abort", kill)
    await stack.close()
    await new Promise<void>((resolve) => events.end(resolve))
  }
}

async function runUnder(context: RunContext, callers: readonly Caller[], workLog: WorkLog): Promise<ChaosReport> {
  const { options, stack, ledger, say, note } = context
  const startedAt = new Date()
  const witness = await openRedisWitness(stack.redisUrl)
  try {
    const clients = new Clients(context, callers)
    const faults = new FaultSchedule(context, witness, () => clients.settled)
    const batches = new BatchClients(context, clients.client, stack.pictures)
    const submit = () => Promise.all([clients.workOff(), batches.workOff(callers, () => clients.settled)])
    await clients.learnAnswers()
    const plan = planFaults(options)
    const workMs = await workThrough(context, {
      clients,
      submit,
      run: () => faults.run(plan),
      faultsDone: () => faults.done,
    })
    say("The faults are over, every ticket is read again")
    await clients.readAll()
    await batches.readAll()
    await removeDamaged(stack.redisUrl)
    const audit = await awaitAudit(context, witness)
    const queue = await clients.client.call({ method: "GET", path: "/v1/queue", caller: firstOf(callers) })
    accountForTickets(ledger)
    accountForRedis(ledger, audit, { isShortLived: isShortLived(options) })
    accountForQueue(ledger, queue.text, audit)
    accountForWebhooks(ledger, { audit, batches: batches.entries, receiver: stack.receiver })
    accountForAttempts(ledger, audit, faults.orphaned)
    accountForWork(ledger, workLog)
    const { statuses } = clients
    const { done: faultsDone, orphaned } = faults
    const { receiver, damaged } = stack
    const told = { batches: batches.entries, receiver, damaged }
    const findings = { ...told, options, startedAt, workMs, plan, faultsDone, ledger, workLog, audit, statuses }
    const report = summarize({ ...findings, proxies: stack.proxies, orphaned: orphaned.size })
    note("report", report)
    return report
  } finally {
    witness.close()
  }
}

function firstOf(callers: readonly Caller[]): Caller {
  const [first] = callers
  if (first === undefined) throw new Error("There is no caller")
  return first
}

type Work = { clients: Clients; submit: () => Promise<unknown>; run: () => Promise<void>; faultsDone: () => number }

/** Clients and faults side by side. Returns how long it took, in milliseconds. */
async function workThrough(context: RunContext, { clients, submit, run, faultsDone }: Work): Promise<number> {
  const { options, ledger, say, note, deadline, interrupted } = context
  const startMs = performance.now()
  const tell = () => {
    const rate = (clients.settled / (performance.now() - startMs)) * 1_000
    const { length } = ledger.violations
    note("progress", { settled: clients.settled, faultsDone: faultsDone(), violations: length })
    const broken = length === 0 ? "" : `, ${length} VIOLATIONS`
    const faults = `${faultsDone()}/${options.faults} faults`
    say(`${clients.settled}/${options.jobs} jobs, ${rate.toFixed(1)}/s, ${faults}${broken}`)
  }
  const progress = setInterval(tell, PROGRESS_MS)
  try {
    await Promise.all([run(), submit()])
  } catch (error) {
    if (interrupted.aborted || !deadline.aborted) throw error
    say(`The time is over: ${options.maxMinutes} minutes`)
  } finally {
    clearInterval(progress)
  }
  tell()
  return performance.now() - startMs
}

/** Work for tickets that have left goes on for a moment, and bytes of lost uploads live for a minute. */
async function awaitAudit({ options, say, interrupted }: RunContext, witness: RedisWitness): Promise<RedisAudit> {
  const waitMs = options.awaitOrphans ? ORPHAN_TTL_MS + 5_000 : options.leaseMs * 3 + TOLD_MS
  const endMs = performance.now() + waitMs
  for (;;) {
    const audit = await witness.audit()
    const isTelling = [...audit.dump.deliveries.values()].some(({ events }) =>
      events.some(({ state, tries }) => state === "pending" && tries < 2),
    )
    const isBusy = audit.waiting > 0 || audit.leases.length > 0 || isTelling
    const hasOrphans = options.awaitOrphans && audit.payloads.some(({ ttlMs }) => ttlMs <= ORPHAN_TTL_MS)
    if ((!isBusy && !hasOrphans) || performance.now() > endMs) return audit
    say(`${audit.waiting} wait, ${audit.leases.length} leases, ${audit.payloads.length} payloads are left`)
    await delay(2_000, undefined, { signal: interrupted })
  }
}
