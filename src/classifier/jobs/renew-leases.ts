import type { JobStore } from "../../lib/queue/job-store.ts"
import { every } from "../loops/every.ts"
import { type Reachability, untilReached } from "../loops/until-reached.ts"
import type { ActiveJobs } from "./active-jobs.ts"

export type RenewLeases = {
  store: Pick<JobStore, "renew">
  active: ActiveJobs
  leaseMs: number
  now: () => number
  reachability: Reachability
}

/** Renews leases of jobs that take long, three times a lease, and stops work whose lease is lost, until the signal is aborted. */
export function renewLeases(options: RenewLeases, signal: AbortSignal): Promise<void> {
  const { store, active, leaseMs, now, reachability } = options
  const renew = async () => {
    const leases = active.leasesOlderThan(leaseMs / 6)
    if (leases.length === 0) return
    const lost = await untilReached(() => store.renew(leases, now() + leaseMs), { reachability, signal })
    for (const { jobId } of lost) active.stop(jobId, "lease_lost")
  }
  const onError = (error: unknown) => {
    throw error
  }
  return every(leaseMs / 3, renew, { signal, onError })
}
