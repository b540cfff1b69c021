import { setTimeout as delay } from "node:timers/promises"
import type { Part, PartLine } from "../parts/part.ts"
import { parseLogLine } from "../render-log-line.ts"

const PROBE_EVERY_MS = 100
const MAX_MISSES = 3

type Readied = "up" | "late" | "refused"

export type ReadinessWait = {
  /** `late`: the time to start has run out; `refused`: it says itself that it cannot. Never settles for a part that is gone or stopped. */
  done: Promise<Readied>
  sawLine: (line: PartLine) => void
  cancel: () => void
}

export function waitUntilReady(part: Part, stopping: AbortSignal): ReadinessWait {
  const canceled = new AbortController()
  const { ready } = part
  let settle: (outcome: Readied) => void = () => undefined
  const done = new Promise<Readied>((resolve) => {
    settle = resolve
  })
  const timer = setTimeout(() => settle("late"), part.startTimeoutMs)
  const signal = AbortSignal.any([canceled.signal, stopping])
  signal.addEventListener("abort", () => clearTimeout(timer))
  if (ready.by === "probe") void probeUntilUp(ready.isUp, signal, () => settle("up"))
  void done.then(() => clearTimeout(timer))
  return {
    done,
    sawLine: (line) => {
      if (ready.by === "event" && line.json && parseLogLine(line.raw)?.event === ready.event) settle("up")
      if (part.refusal?.test(line.raw)) settle("refused")
    },
    cancel: () => canceled.abort(),
  }
}

/** A running process may not respond: three failed probes in a row restart it. */
export function watchProbe(part: Part, onDead: () => void): { cancel: () => void } {
  const { ready } = part
  if (ready.by !== "probe" || ready.watch === undefined) return { cancel: () => undefined }
  const { everyMs, patienceMs } = ready.watch
  let misses = 0
  let asking = false
  const timer = setInterval(async () => {
    if (asking) return
    asking = true
    misses = (await ready.isUp(AbortSignal.timeout(patienceMs))) ? 0 : misses + 1
    asking = false
    if (misses < MAX_MISSES) return
    clearInterval(timer)
    onDead()
  }, everyMs)
  return { cancel: () => clearInterval(timer) }
}

async function probeUntilUp(
  isUp: (signal: AbortSignal) => Promise<boolean>,
  signal: AbortSignal,
  onUp: () => void,
): Promise<void> {
  while (!signal.aborted) {
    if (await isUp(AbortSignal.any([signal, AbortSignal.timeout(2_000)]))) return onUp()
    await delay(PROBE_EVERY_MS)
  }
}
