import { setMaxListeners } from "node:events"
import { createWriteStream, mkdirSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { accountForAttempts, accountForRedis, accountForTickets, accountForWork, ORPHAN_TTL_MS } from "./accounting.ts"
import { EdgeClient } from "./edge-client.ts"
import { inject } from "./inject.ts"
import { JobSession } from "./job-session.ts"
import { type Entry, Ledger } from "./ledger.ts"
import type { ChaosOptions } from "./options.ts"
import { drawPictures, stamp } from "./pictures.ts"
import { describeFault, type PlannedFault, planFaults } from "./plan.ts"
import { pick, randomFor } from "./random.ts"
import { openRedisWitness, type RedisAudit, type RedisWitness } from "./redis-witness.ts"
import { type ChaosReport, summarize } from "./report.ts"
import { type Stack, startStack } from "./stack.ts"
import { WorkLog } from "./work-log.ts"
import { createCallers, type JobSpec, planJobs, toApiKeys } from "./workload.ts"

const PICTURES = 24
const PROGRESS_MS = 2_000
/** How often a client that has its answer looks at an old ticket again. */
const LOOK_BACK = 0.15
const FINAL_READERS = 32

export type ChaosEvents = { print: (line: string) => void; signal: AbortSignal }

/** Runs the stack, the faults and the clients, and accounts for every ticket. @throws when the stack cannot start, or aborted */
export async function runChaos(options: ChaosOptions, { print, signal }: ChaosEvents): Promise<ChaosReport> {
  mkdirSync(options.folder, { recursive: true })
  const events = createWriteStream(join(options.folder, "events.jsonl"), { flags: "a" })
  const startMs = performance.now()
  const note = (event: string, fields: Record<string, unknown> = {}) =>
    events.write(`${JSON.stringify({ time: new Date().toISOString(), event, ...fields })}\n`)
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
  const run = new ChaosRun({ options, stack, ledger, workLog, callers, note, say, signal })
  const kill = () => stack.kill()
  signal.addEventListener("abort", kill)
  try {
    return await run.toEnd()
  } finally {
    signal.removeEventListener("abort", kill)
    await stack.close()
    await new Promise<void>((resolve) => events.end(resolve))
  }
}

type RunParts = {
  options: ChaosOptions
  stack: Stack
  ledger: Ledger
  workLog: WorkLog
  callers: ReturnType<typeof createCallers>
  note: (event: string, fields?: Record<string, unknown>) => void
  say: (line: string) => void
  signal: AbortSignal
}

class ChaosRun {
  readonly #parts: RunParts
  readonly #client: EdgeClient
  readonly #deadline: AbortSignal
  readonly #pictures: Uint8Array[]
  /** Jobs in the hand of a classifier that was killed, by their attempts. */
  readonly #orphaned = new Map<string, number>()
  #settled = 0
  #faultsDone = 0

  constructor(parts: RunParts) {
    const { options, ledger, stack, signal } = parts
    this.#parts = parts
    this.#deadline = AbortSignal.any([signal, AbortSignal.timeout(options.maxMinutes * 60_000)])
    setMaxListeners(0, this.#deadline, signal) // every session waits under it
    this.#client = new EdgeClient(stack.edgeUrl, {
      deadline: this.#deadline,
      onServerError: (what) => ledger.violate("server error", null, what),
    })
    this.#pictures = drawPictures(options.seed, PICTURES)
  }

  async toEnd(): Promise<ChaosReport> {
    const { options, stack, ledger, workLog, callers, say, note, signal } = this.#parts
    const startedAt = new Date()
    const witness = await openRedisWitness(stack.redisUrl)
    try {
      await this.#learnAnswers()
      say(`${PICTURES} pictures, ${new Set([...ledger.expected.values()].map(([top]) => top?.label)).size} labels`)
      const plan = planFaults(options)
      const startMs = performance.now()
      const progress = setInterval(() => say(this.#progress(performance.now() - startMs)), PROGRESS_MS)
      const jobs = planJobs({ ...options, pictures: PICTURES, callers })
      try {
        await Promise.all([this.#injectAll(plan, witness), this.#workOff(jobs)])
      } catch (error) {
        if (signal.aborted || !this.#deadline.aborted) throw error
        say(`The time is over: ${options.maxMinutes} minutes`)
      } finally {
        clearInterval(progress)
      }
      const workMs = performance.now() - startMs
      say(`${this.#progress(workMs)}; the faults are over, every ticket is read again`)
      await this.#readAll()
      const audit = await this.#awaitAudit(witness)
      accountForTickets(ledger)
      accountForRedis(ledger, audit)
      accountForAttempts(ledger, audit, this.#orphaned)
      accountForWork(ledger, workLog)
      const report = summarize({
        options,
        startedAt,
        workMs,
        plan,
        faultsDone: this.#faultsDone,
        ledger,
        workLog,
        audit,
        statuses: this.#client.statuses,
        proxies: stack.proxies,
        orphaned: this.#orphaned.size,
      })
      note("report", report)
      return report
    } finally {
      witness.close()
    }
  }

  /** What each picture is, before anything breaks. */
  async #learnAnswers(): Promise<void> {
    const { ledger, callers, options } = this.#parts
    const caller = callers.find(({ token }) => token === null)
    if (caller === undefined) throw new Error("There is no anonymous caller")
    await Promise.all(
      this.#pictures.map(async (_picture, base) => {
        const upload = stamp(this.#pictures, base, `${options.seed}/learn`)
        const answer = await this.#client.call({
          method: "POST",
          path: "/v1/classifications",
          caller,
          headers: { "content-type": "image/jpeg", "cache-control": "no-cache", prefer: "wait=30" },
          body: upload.bytes,
        })
        const { ticket } = answer
        if (ticket?.predictions === undefined) throw new Error(`Picture ${base} was not answered: ${answer.status}`)
        ledger.expected.set(base, ticket.predictions)
        const spec: JobSpec = {
          number: -1 - base,
          caller,
          idempotencyKey: "",
          picture: { base, comment: "" },
          noCache: true,
          cancelAfterMs: null,
          submitsTwice: false,
          sleeps: false,
          usesETag: false,
        }
        ledger.see(ledger.open(spec, upload), ticket)
      }),
    )
  }

  async #workOff(jobs: readonly JobSpec[]): Promise<void> {
    const { options, ledger, note } = this.#parts
    const random = randomFor(options.seed, "look back")
    const settled: Entry[] = []
    const rest = jobs.values()
    const work = async () => {
      for (const spec of rest) {
        const entry = ledger.open(spec, stamp(this.#pictures, spec.picture.base, spec.picture.comment))
        await this.#session(entry).run()
        note("settled", { job: spec.number, ticket: entry.ticketId, status: entry.final?.status ?? "asleep" })
        this.#settled += 1
        if (entry.final !== null) settled.push(entry)
        if (settled.length > 0 && random() < LOOK_BACK) await this.#session(pick(random, settled)).read()
      }
    }
    await Promise.all(Array.from({ length: options.sessions }, work))
  }

  async #injectAll(plan: readonly PlannedFault[], witness: RedisWitness): Promise<void> {
    const { stack, ledger, note, say, options } = this.#parts
    const running: Promise<void>[] = []
    for (const [i, fault] of plan.entries()) {
      while (this.#settled < Math.min(fault.atJob, options.jobs - 1))
        await delay(20, undefined, { signal: this.#deadline })
      const title = `fault ${i + 1}/${plan.length}: ${describeFault(fault)}`
      say(title)
      note("fault.begins", { ...fault, number: i + 1, settled: this.#settled })
      const onKilled = (pid: number) => this.#noteOrphans(pid, witness)
      running.push(
        inject(fault, stack, onKilled).then(
          () => {
            this.#faultsDone += 1
            note("fault.ends", { number: i + 1 })
          },
          (error: unknown) => {
            if (!this.#deadline.aborted) ledger.violate("died", null, `${title}: ${String(error)}`)
          },
        ),
      )
    }
    await Promise.all(running)
  }

  /** A request of the dead that is still on its way could end a job yet: then nothing can be said. */
  async #noteOrphans(pid: number, witness: RedisWitness): Promise<void> {
    const { stack, note } = this.#parts
    await delay(50)
    if (stack.proxies.classifier.held > 0) return
    try {
      const jobs = await witness.jobsOf(pid)
      for (const { id, attempts } of jobs) this.#orphaned.set(id, attempts)
      note("orphans", { pid, jobs: jobs.map(({ id, attempts }) => ({ id, attempts })) })
    } catch (error) {
      note("orphans.unknown", { pid, reason: String(error) }) // Redis is down as well
    }
  }

  /** Every ticket once more; those that nobody asked for until now until they are done. */
  async #readAll(): Promise<void> {
    const entries = this.#parts.ledger.entries.filter(({ ticketId }) => ticketId !== null).values()
    const read = async () => {
      for (const entry of entries) {
        for (;;) {
          const wasDone = entry.final !== null
          const answer = await this.#session(entry).read()
          if (answer === null || wasDone) break
          if (entry.final === null) await delay(answer.pollAfterMs ?? 10, undefined, { signal: this.#deadline })
        }
      }
    }
    try {
      await Promise.all(Array.from({ length: FINAL_READERS }, read))
    } catch (error) {
      if (!this.#deadline.aborted || this.#parts.signal.aborted) throw error
    }
  }

  /** Work for tickets that have left goes on for a moment, and bytes of lost uploads live for a minute. */
  async #awaitAudit(witness: RedisWitness): Promise<RedisAudit> {
    const { options, say, signal } = this.#parts
    const restMs = options.leaseMs * 3
    const endMs = performance.now() + (options.awaitOrphans ? ORPHAN_TTL_MS + 5_000 : restMs)
    for (;;) {
      const audit = await witness.audit()
      const isBusy = audit.waiting > 0 || audit.leases.length > 0
      const hasOrphans = options.awaitOrphans && audit.payloads.some(({ ttlMs }) => ttlMs <= ORPHAN_TTL_MS)
      if ((!isBusy && !hasOrphans) || performance.now() > endMs) return audit
      say(`${audit.waiting} wait, ${audit.leases.length} leases, ${audit.payloads.length} payloads are left`)
      await delay(1_000, undefined, { signal })
    }
  }

  #session(entry: Entry): JobSession {
    return new JobSession(entry, { client: this.#client, ledger: this.#parts.ledger, deadline: this.#deadline })
  }

  #progress(ms: number): string {
    const { options, ledger } = this.#parts
    const rate = (this.#settled / ms) * 1_000
    const faults = `${this.#faultsDone}/${options.faults} faults`
    const broken = ledger.violations.length === 0 ? "" : `, ${ledger.violations.length} VIOLATIONS`
    return `${this.#settled}/${options.jobs} jobs, ${rate.toFixed(1)}/s, ${faults}${broken}`
  }
}
