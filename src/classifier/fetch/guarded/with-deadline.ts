import { setMaxListeners } from "node:events"

/**
 * Runs work under one signal that aborts with the caller's own, or with `onTimeout()` after `timeoutMs`. What the work throws
 * because of that is thrown as the reason of the abort.
 */
export async function withDeadline<T>(
  { timeoutMs, signal, onTimeout }: { timeoutMs: number; signal?: AbortSignal; onTimeout: () => Error },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted()
  const controller = new AbortController()
  const forward = () => controller.abort(signal?.reason)
  // One signal ends many fetches (a shutdown), which Node would take for a leak.
  if (signal) setMaxListeners(0, signal)
  signal?.addEventListener("abort", forward, { once: true })
  const timer = setTimeout(() => controller.abort(onTimeout()), timeoutMs)
  try {
    return await work(controller.signal)
  } catch (error) {
    throw controller.signal.aborted ? controller.signal.reason : error
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener("abort", forward)
  }
}
