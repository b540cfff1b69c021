import * as z from "zod"
import { instantOrNone } from "../redis/run-script.ts"
import type { ClaimedJob, Job, JobError, JobResult } from "./job.ts"

export type Claim = {
  worker: string
  /** Tried in this order. */
  queues: readonly string[]
  /** Those of them that are known to be empty. */
  skip?: readonly string[]
  max: number
  nowMs: number
  leaseMs: number
  /** Made by the caller, so that the same claim sent again returns the same jobs. */
  token: string
  /** The worker holds no other job. Only then is a job handed out whose earlier attempt ended without an answer. */
  isIdle: boolean
  /** How many jobs must leave the worker's lanes before the first of these gets one; less than 0 when lanes are free. */
  ahead?: number
  /** The reply to this very claim was lost: look for what it took before taking more. */
  again?: boolean
  /** Look for leases that ran out. */
  reclaims?: boolean
  /** What the registry should know of the worker (src/lib/queue/registry.ts). */
  heartbeat?: string
}

const texts = z.array(z.string())
/** Jobs, status, end of the next lease, queues that are empty, jobs that were reclaimed. */
export const claimReply = z.tuple([texts, z.enum(["more", "drain", "empty", "paused"]), instantOrNone, texts, texts])
export type Claimed = {
  jobs: ClaimedJob[]
  status: z.infer<typeof claimReply>[1]
  nextLeaseEndMs: number | null
  /** Those of the claim's queues that hold nothing now. */
  empty: string[]
  /** Other jobs, whose lease had run out or whose deadline was over: as the claim left them. */
  reclaimed: Job[]
  /** What could not be read here, and went to the dead letters alone. */
  unreadable: { jobId: string; queue: string; reason: string }[]
}

export type Lease = { jobId: string; token: string }
/** `unpaid` is what the picture's work exceeds its charge by, as a share of that (src/lib/queue/job-cost.ts). */
export type Finish = Lease & { job?: ClaimedJob; unpaid?: number }
export type Outcome = { state: "succeeded"; result: JobResult } | { state: "failed"; error: JobError }
export type Retry = {
  nowMs: number
  /** False takes the attempt back. */
  counts: boolean
  /** From now on it is handed out alone. */
  alone?: boolean
  /** It took too long, in a process that went on: that makes it no suspect. */
  timedOut?: boolean
  /** One attempt more at most, however many there could be. */
  onceMore?: boolean
  /** How long it waits before it can be claimed again. */
  delayMs?: number
  /** To the dead letters at once. */
  aside?: boolean
}
