import { afterEach, beforeEach, expect, it, vi } from "vitest"
import { Waker } from "../../../../src/classifier/loops/waker.ts"

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** What has ended by now. */
const settled = async (sleeping: Promise<void>) =>
  Promise.race([
    sleeping.then(() => true),
    new Promise((resolve) => queueMicrotask(() => queueMicrotask(() => resolve(false)))),
  ])

it.each([
  ["its time is over", () => void vi.advanceTimersByTime(1_000)],
  ["it is woken", (waker: Waker) => waker.wake()],
  ["its signal is aborted", (_waker: Waker, stop: AbortController) => stop.abort()],
])("Waker.sleep() ends when %s, and leaves no timer", async (_what, end) => {
  const waker = new Waker()
  const stop = new AbortController()
  const sleeping = waker.sleep(1_000, stop.signal)
  expect(await settled(sleeping)).toBe(false)
  end(waker, stop)
  await sleeping
  expect(vi.getTimerCount()).toBe(0)
})

it("Waker.sleep() does not sleep when it was woken before, and sleeps again after that", async () => {
  const waker = new Waker()
  const { signal } = new AbortController()
  waker.wake()
  await waker.sleep(1_000, signal)
  const sleeping = waker.sleep(1_000, signal)
  expect(await settled(sleeping)).toBe(false)
  vi.advanceTimersByTime(1_000)
  await sleeping
})
