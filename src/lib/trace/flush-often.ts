import { sleep } from "../sleep.ts"
import type { Tracer } from "./tracer.ts"

const FLUSH_MS = 1_000
/** What a process that leaves spends on its last spans. */
const LAST_FLUSH_MS = 2_000

/** Sends spans one POST after the other until the signal is aborted, and then the last of them. For what is a process. */
export async function flushOften(tracer: Tracer, signal: AbortSignal): Promise<void> {
  if (!tracer.isOn) return
  while (!signal.aborted) {
    await sleep(FLUSH_MS, signal)
    if (!signal.aborted) await tracer.flush({ signal })
  }
  await tracer.flush({ timeoutMs: LAST_FLUSH_MS })
}
