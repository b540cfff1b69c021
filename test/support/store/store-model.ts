import type { Claim, Claimed, Retry } from "../../../src/lib/queue/claim.ts"
import type { Job } from "../../../src/lib/queue/job.ts"
import type { Retried, Withdrawal } from "../../../src/lib/queue/job-store.ts"
import type { Enqueued, NewJob } from "../../../src/lib/queue/new-job.ts"
import type { StoreDump, StoredJob } from "./store-audit.ts"

type Ticket = {
  id: string
  queue: string
  caller: string
  contentKey: string | undefined
  state: Job["state"]
  attempts: number
  maxAttempts: number
  deadlineMs: number
  isStarted: boolean
  leader?: Ticket
  followers: number
  left?: "canceled" | "failed"
  /** Handed out alone, whatever its attempts. */
  alone?: true
  /** The work that it shared died, and was sent again without it. */
  hasFailed?: true
  lease?: { token: string; endMs: number }
  /** It waits for its next attempt. */
  retryMs?: number
  finishedBy?: string
  givenBackBy?: string
}

const isSuspect = ({ attempts, alone }: Ticket) => alone === true || attempts > 0
const isWorking = ({ state }: Ticket) => state === "queued" || state === "processing"

/** What the queue should do, in maps instead of Redis. Which of the waiting jobs a claim takes is the queue's to say. */
export class StoreModel {
  readonly tickets = new Map<string, Ticket>()
  readonly #content = new Map<string, string>()
  readonly dead = new Set<string>()
  isPaused = false
  readonly limits = new Map<string, { isPaused: boolean; most: number }>()
  readonly #limits: { maxDepth: number; maxDepthPerCaller: number }

  constructor(limits: { maxDepth: number; maxDepthPerCaller: number }) {
    this.#limits = limits
  }

  /** How many more jobs of a queue may be worked on. */
  #roomOf(queue: string): number {
    const { isPaused = false, most = Number.POSITIVE_INFINITY } = this.limits.get(queue) ?? {}
    const working = [...this.tickets.values()].filter((ticket) => ticket.queue === queue && ticket.lease !== undefined)
    return isPaused ? 0 : most - working.length
  }

  waiting(): Ticket[] {
    return [...this.tickets.values()].filter(
      ({ state, leader, retryMs }) => state === "queued" && leader === undefined && retryMs === undefined,
    )
  }

  enqueue(job: NewJob): Enqueued["status"] | "queue_full" | "caller_queue_full" {
    const known = this.tickets.has(job.id)
    const { contentKey } = job
    let leads = false
    if (contentKey !== undefined) {
      const leaderId = this.#content.get(contentKey)
      const leader = leaderId === undefined ? undefined : this.tickets.get(leaderId)
      if (leaderId !== job.id) {
        const isOwn = leader?.caller === job.caller
        if (isOwn && (leader.state === "succeeded" || isWorking(leader))) {
          if (known) return "exists"
          if (leader.state === "succeeded") {
            this.#add(job, { state: "succeeded", contentKey: undefined })
            return "known"
          }
          leader.followers++
          leader.deadlineMs = Math.max(leader.deadlineMs, job.deadlineMs)
          this.#add(job, { leader, contentKey: undefined })
          return "following"
        }
        leads = true
      }
    }
    const refusal = this.#refusal(job)
    if (leads && contentKey !== undefined) {
      if (known || refusal !== null) this.#content.delete(contentKey)
      else this.#content.set(contentKey, job.id)
    }
    if (known) return "exists"
    if (refusal !== null) return refusal
    this.#add(job, {})
    return "queued"
  }

  #refusal(job: NewJob): "queue_full" | "caller_queue_full" | null {
    const waiting = this.waiting()
    if (waiting.length >= this.#limits.maxDepth) return "queue_full"
    const own = waiting.filter(({ caller }) => caller === job.caller)
    return own.length >= this.#limits.maxDepthPerCaller ? "caller_queue_full" : null
  }

  #add(job: NewJob, more: Partial<Ticket>): void {
    const { id, queue, caller, contentKey, maxAttempts, deadlineMs } = job
    const base = { id, queue, caller, contentKey, maxAttempts, deadlineMs }
    this.tickets.set(id, { ...base, state: "queued", attempts: 0, isStarted: false, followers: 0, ...more })
  }

  /** Takes over what a claim did, and says what of it was not allowed. */
  claim(claim: Claim, claimed: Claimed, dump: StoreDump): string[] {
    const held = [...this.tickets.values()].filter(({ lease }) => lease?.token === claim.token)
    const ids = claimed.jobs.map(({ id }) => id)
    if (claim.again && held.length > 0) {
      const same = held.length === ids.length && held.every(({ id }) => ids.includes(id))
      return same ? [] : [`The same claim returned ${ids} instead of ${held.map(({ id }) => id)}`]
    }
    if (claim.reclaims) for (const ticket of this.tickets.values()) this.#reap(ticket, claim.nowMs)

    const wrong: string[] = []
    const mine = (ticket: Ticket) => claim.queues.includes(ticket.queue)
    if (ids.length > claim.max) wrong.push(`${ids.length} jobs were claimed instead of ${claim.max}`)
    for (const { id } of claimed.jobs) {
      const ticket = this.tickets.get(id)
      if (ticket === undefined || !this.waiting().includes(ticket) || !mine(ticket)) {
        wrong.push(`${id} was claimed, and did not wait for it`)
        continue
      }
      if (isSuspect(ticket) && (ids.length > 1 || !claim.isIdle)) wrong.push(`The suspect ${id} was not alone`)
      if (!ticket.isStarted && claim.nowMs > ticket.deadlineMs) wrong.push(`${id} was claimed past its deadline`)
      if (this.#roomOf(ticket.queue) <= 0) wrong.push(`${id} was claimed, and ${ticket.queue} is limited or paused`)
      Object.assign(ticket, { state: "processing", attempts: ticket.attempts + 1, isStarted: true })
      ticket.lease = { token: claim.token, endMs: claim.nowMs + claim.leaseMs }
    }
    // Those past their deadline fail as they come up; which of them did is for the queue to say.
    for (const ticket of this.waiting().filter(mine)) {
      const isLate = !ticket.isStarted && claim.nowMs > ticket.deadlineMs
      if (isLate && dump.jobs.get(ticket.id)?.state === "failed") ticket.state = "failed"
    }
    const left = this.waiting().filter(mine)
    // Suspects that another worker empties its hand for.
    const isOfOthers = (ticket: Ticket) => isSuspect(ticket) && (!claim.isIdle || ids.length > 0)
    const isHeld = (ticket: Ticket) => this.#roomOf(ticket.queue) <= 0
    if (claimed.status === "empty" && !left.every((ticket) => isOfOthers(ticket) || isHeld(ticket)))
      wrong.push(`The queue is not empty: ${left.map(({ id }) => id)}`)
    if (claimed.status === "drain" && (claim.isIdle || !left.some(isSuspect))) {
      wrong.push("There is nothing to drain for")
    }
    if (this.isPaused && ids.length > 0) wrong.push("A paused queue was claimed from")
    if (this.isPaused !== (claimed.status === "paused") && left.length > 0)
      wrong.push(`The status is ${claimed.status}`)
    return [...wrong, ...this.#outOfOrder(claimed, dump)]
  }

  #outOfOrder({ jobs }: Claimed, dump: StoreDump): string[] {
    return jobs.flatMap(({ id, queue, start }) =>
      (dump.queues.get(queue) ?? [])
        .filter((waiting) => waiting.start < Number(start) && !isSuspect(this.tickets.get(waiting.id) as Ticket))
        .map((waiting) => `${id} was claimed before ${waiting.id}`),
    )
  }

  #reap(ticket: Ticket, nowMs: number): void {
    if (ticket.lease !== undefined && ticket.lease.endMs <= nowMs) this.#giveBack(ticket)
    else if (ticket.retryMs !== undefined && ticket.retryMs <= nowMs) delete ticket.retryMs
  }

  #giveBack(ticket: Ticket): void {
    ticket.givenBackBy = ticket.lease?.token ?? ""
    delete ticket.lease
    if (ticket.attempts >= ticket.maxAttempts) this.dead.add(ticket.id)
    ticket.state = this.dead.has(ticket.id) ? "failed" : "queued"
  }

  isHeld(id: string, token: string): boolean {
    return this.tickets.get(id)?.lease?.token === token
  }

  renew(id: string, token: string, untilMs: number): boolean {
    const lease = this.tickets.get(id)?.lease
    if (lease?.token !== token) return false
    lease.endMs = untilMs
    return true
  }

  finish(id: string, token: string, state: "succeeded" | "failed"): boolean {
    const ticket = this.tickets.get(id)
    if (ticket?.lease?.token !== token) return ticket?.finishedBy === token
    delete ticket.lease
    Object.assign(ticket, { state, finishedBy: token })
    return true
  }

  retry(
    id: string,
    token: string,
    { counts, nowMs, delayMs }: Required<Pick<Retry, "counts" | "nowMs" | "delayMs">>,
  ): Retried {
    const ticket = this.tickets.get(id)
    const told = () => (ticket?.state === "failed" ? "dead" : "queued")
    if (ticket?.lease?.token !== token) return ticket?.givenBackBy === token ? told() : "lost"
    if (!counts && --ticket.attempts === 0) ticket.isStarted = false
    this.#giveBack(ticket)
    if (ticket.state === "queued" && delayMs > 0) ticket.retryMs = nowMs + delayMs
    return told()
  }

  leave(id: string, state: "canceled" | "failed", onlyQueued: boolean): Withdrawal["status"] {
    const ticket = this.tickets.get(id)
    if (ticket === undefined) return "missing"
    if (ticket.left !== undefined) return ticket.left === state ? "withdrawn" : "finished"
    if (!isWorking(ticket)) return ticket.state === state ? "withdrawn" : "finished"
    const { leader } = ticket
    if (leader === undefined) {
      if (onlyQueued && ticket.isStarted) return "started"
      if (ticket.followers > 0) ticket.left = state
      else this.#stop(ticket, state)
      return "withdrawn"
    }
    if (ticket.hasFailed || !isWorking(leader)) return "finished"
    if (onlyQueued && leader.isStarted) return "started"
    ticket.state = state
    if (--leader.followers === 0 && leader.left !== undefined) this.#stop(leader, leader.left)
    return "withdrawn"
  }

  #stop(ticket: Ticket, state: "canceled" | "failed"): void {
    delete ticket.lease
    delete ticket.retryMs
    ticket.state = state
  }

  revive(id: string, deadlineMs: number): "queued" | "missing" {
    const ticket = this.tickets.get(id)
    if (ticket === undefined || !this.dead.delete(id)) return "missing"
    for (const other of this.tickets.values()) {
      if (other.leader === ticket && other.state === "queued") other.hasFailed = true
    }
    Object.assign(ticket, { state: "queued", attempts: 0, isStarted: false, deadlineMs, followers: 0, alone: true })
    return "queued"
  }

  /** What lies in Redis and is not what should. */
  differences(dump: StoreDump): string[] {
    const wrong: string[] = []
    for (const ticket of this.tickets.values()) {
      const stored = dump.jobs.get(ticket.id)
      const want = `${ticket.state}, ${ticket.attempts} attempts, ${ticket.followers} followers`
      const have = stored && `${stored.state}, ${stored.attempts} attempts, ${stored.followers ?? 0} followers`
      if (want !== have) wrong.push(`${ticket.id} is ${have}, and should be ${want}`)
    }
    if (dump.jobs.size !== this.tickets.size) wrong.push(`There are ${dump.jobs.size} jobs of ${this.tickets.size}`)
    if ([...this.dead].sort().join() !== [...dump.dead].sort().join()) wrong.push(`Dead are ${dump.dead}`)
    return wrong
  }
}

/** How a ticket ended, as its caller reads it, or null while it has not. */
export function endOf(job: StoredJob, jobs: StoreDump["jobs"]): string | null {
  if (job.left !== undefined) return JSON.stringify([job.left.state, job.left.finishedMs])
  const shared = job.leader === undefined ? undefined : jobs.get(job.leader)
  const death = shared?.deaths?.[job.round ?? 0]
  if (death !== undefined && job.state === "queued")
    return JSON.stringify(["failed", death.finishedMs, null, death.error])
  const work = job.leader !== undefined && job.state === "queued" ? jobs.get(job.leader) : job
  if (work === undefined || work.state === "queued" || work.state === "processing") return null
  return JSON.stringify([work.state, work.finishedMs, work.result, work.error])
}
