import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { discardRest, readBody } from "../../../../src/edge/http/read-body.ts"
import { BodiesInFlight, type BodyLimits } from "../../../../src/edge/limits/bodies-in-flight.ts"
import { AppError } from "../../../../src/lib/app-error.ts"
import { addressCaller } from "../../../../src/lib/callers/caller-id.ts"
import { sleep } from "../../../../src/lib/sleep.ts"

const LIMITS: BodyLimits = {
  MAX_BYTES_IN_FLIGHT: 1_000_000,
  MAX_BYTES_IN_FLIGHT_PER_CALLER: 500_000,
  MIN_BODY_BYTES_PER_S: 1_000,
  BODY_TIMEOUT_MS: 60_000,
}
const ONE_BYTE = new Uint8Array(1)

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** A request whose body brings one piece every so often, without end. */
function dripping(piece: Uint8Array, everyMs: number): Request {
  let timer: ReturnType<typeof setInterval>
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      timer = setInterval(() => controller.enqueue(piece), everyMs)
    },
    cancel: () => clearInterval(timer),
  })
  return new Request("https://edge.example", { method: "POST", body, duplex: "half" } as RequestInit)
}

const request = () => new Request("https://edge.example", { method: "POST", body: "abc" })
const newBodies = (change: Partial<BodyLimits> = {}) => {
  return new BodiesInFlight({ ...LIMITS, ...change }, { now: () => Date.now(), sleep })
}

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => "done",
    (error: unknown) => (error instanceof AppError ? error.code : error),
  )

describe("a body", () => {
  it("of a byte a second is refused after ten seconds, its memory is free, and nothing more of it is waited for", async () => {
    const bodies = newBodies()
    const request = dripping(ONE_BYTE, 1_000)
    const ended = codeOf(bodies.receive(request, "a", (body) => readBody(body, 8_000_000)))
    await vi.advanceTimersByTimeAsync(9_000)
    expect(bodies.bytes).toBeGreaterThan(0)
    await vi.advanceTimersByTimeAsync(1_500)
    expect([await ended, bodies.bytes]).toEqual(["body_too_slow", 0])
    await discardRest(request, () => Promise.reject(new Error("waited for")))
  })

  it("that stops is refused, however much of it came before", async () => {
    const bodies = newBodies()
    const body = new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(400_000)) })
    const request = new Request("https://edge.example", { method: "POST", body, duplex: "half" } as RequestInit)
    const ended = codeOf(bodies.receive(request, "a", (sent) => readBody(sent, 8_000_000)))
    await vi.advanceTimersByTimeAsync(20_500)
    expect([await ended, bodies.bytes]).toEqual(["body_too_slow", 0])
  })

  it("that is slow but steady is heard out, until its time is over", async () => {
    const bodies = newBodies()
    const ended = codeOf(bodies.receive(dripping(new Uint8Array(3_000), 2_000), "a", (body) => readBody(body, 8e6)))
    await vi.advanceTimersByTimeAsync(59_000)
    expect(bodies.bytes).toBeGreaterThan(29 * 3_000)
    await vi.advanceTimersByTimeAsync(1_500)
    expect(await ended).toBe("body_too_slow")
  })

  it("is not called slow for the time that its reader takes", async () => {
    const bodies = newBodies({ BODY_TIMEOUT_MS: 15_000 })
    const read = bodies.receive(request(), "a", async (body) => {
      await sleep(100_000)
      return (await body.read())?.length
    })
    await vi.advanceTimersByTimeAsync(100_000)
    expect(await read).toBe(3)
  })
})

describe("BodiesInFlight", () => {
  /** Holds bytes of a body until it is let go. */
  function hold(bodies: BodiesInFlight, caller: string, bytes: number) {
    let letGo: () => void = () => undefined
    const ended = codeOf(
      bodies.receive(request(), caller, async (body) => {
        body.hold(bytes)
        await new Promise<void>((resolve) => {
          letGo = resolve
        })
      }),
    )
    return { ended, letGo: () => letGo() }
  }

  it("refuses what exceeds a caller's share, and what exceeds all, and lets both in once there is room", async () => {
    const bodies = newBodies()
    const first = hold(bodies, "a", 400_000)
    expect(await hold(bodies, "a", 200_000).ended).toBe("caller_bodies_full")
    const other = hold(bodies, "b", 500_000)
    expect(await hold(bodies, "c", 200_000).ended).toBe("bodies_full")
    expect(bodies.bytes).toBe(900_000)
    first.letGo()
    await first.ended
    const later = [hold(bodies, "a", 200_000), hold(bodies, "c", 200_000)]
    expect(bodies.bytes).toBe(900_000)
    for (const held of [other, ...later]) held.letGo()
    expect(await Promise.all([other, ...later].map(({ ended }) => ended))).toEqual(["done", "done", "done"])
    expect(bodies.bytes).toBe(0)
  })

  it("holds all callers of a /48 to half of it", async () => {
    const bodies = newBodies()
    const callers = [1, 2, 3, 4].map((i) => addressCaller(`2001:db8:1:${i}00::1`))
    const held = callers.slice(0, 3).map((caller) => hold(bodies, caller, 150_000))
    expect(await hold(bodies, callers[3] as string, 150_000).ended).toBe("caller_bodies_full")
    held.push(hold(bodies, addressCaller("2001:db8:2::1"), 150_000))
    expect(bodies.bytes).toBe(600_000)
    for (const { letGo } of held) letGo()
    expect(await Promise.all(held.map(({ ended }) => ended))).toEqual(["done", "done", "done", "done"])
    const later = hold(bodies, callers[3] as string, 400_000)
    later.letGo()
    expect([await later.ended, bodies.bytes]).toEqual(["done", 0])
  })

  it("hears a slow body out while there is room, and ends it when more than half is taken", async () => {
    const slow = () => dripping(new Uint8Array(3_000), 2_000)
    for (const [others, code] of [
      [300_000, undefined],
      [500_000, "body_too_slow"],
    ] as const) {
      const bodies = newBodies()
      const held = [hold(bodies, "a", others), hold(bodies, "b", 50_000)]
      let ended: unknown
      void codeOf(bodies.receive(slow(), "c", (body) => readBody(body, 8e6))).then((result) => {
        ended = result
      })
      await vi.advanceTimersByTimeAsync(25_000)
      expect(ended).toBe(code)
      for (const { letGo } of held) letGo()
    }
  })

  it("has room again within 20 s when those that fill it stop, or come more slowly than they then must", async () => {
    for (const bytesPerS of [0, 19_000]) {
      const bodies = newBodies()
      const fill = (caller: string) =>
        codeOf(
          bodies.receive(dripping(new Uint8Array(bytesPerS), 1_000), caller, async (body) => {
            body.hold(500_000)
            for (;;) await body.read()
          }),
        )
      const full = ["a", "b"].map(fill)
      await vi.advanceTimersByTimeAsync(100)
      expect(await hold(bodies, "c", 100_000).ended).toBe("bodies_full")
      await vi.advanceTimersByTimeAsync(20_500)
      // Once half of it is free, the other one may be as slow as anybody.
      expect(bodies.bytes).toBe(bytesPerS === 0 ? 0 : 500_000)
      const later = hold(bodies, "c", 100_000)
      later.letGo()
      expect(await later.ended).toBe("done")
      await vi.advanceTimersByTimeAsync(LIMITS.BODY_TIMEOUT_MS)
      expect([await Promise.all(full), bodies.bytes]).toEqual([["body_too_slow", "body_too_slow"], 0])
    }
  })

  it("lets in a body that comes alone, however large it may be", async () => {
    const bodies = newBodies()
    const large = hold(bodies, "a", 2_000_000)
    expect(await hold(bodies, "b", 1).ended).toBe("bodies_full")
    large.letGo()
    expect([await large.ended, bodies.bytes]).toEqual(["done", 0])
  })
})
