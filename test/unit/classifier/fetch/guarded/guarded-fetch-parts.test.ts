import { getEventListeners } from "node:events"
import { afterEach, describe, expect, it, vi } from "vitest"
import { createGate } from "../../../../../src/classifier/fetch/guarded/gate.ts"
import { firstHop, type Hop, nextHop } from "../../../../../src/classifier/fetch/guarded/next-hop.ts"
import { readBody } from "../../../../../src/classifier/fetch/guarded/read-body.ts"
import { withDeadline } from "../../../../../src/classifier/fetch/guarded/with-deadline.ts"

afterEach(() => void vi.useRealTimers())

const SECRETS = {
  accept: "image/*",
  authorization: "Bearer secret",
  "content-type": "application/json",
  cookie: "a=b",
  "webhook-signature": "v1,secret",
  "x-api-key": "secret",
}

function hop(method: Hop["method"], body?: string): Hop {
  return firstHop("https://a.example/dir/start", { method, headers: SECRETS, ...(body === undefined ? {} : { body }) })
}

function namesOf(hop: Hop | undefined): string[] {
  return [...(hop?.headers.keys() ?? [])]
}

describe("firstHop()", () => {
  it.each(["Host", "Content-Length", "Transfer-Encoding", "Connection", "Accept-Encoding"])(
    "refuses to send %s",
    (name) => {
      expect(() => firstHop("https://a.example", { headers: { [name]: "x" } })).toThrow(TypeError)
    },
  )
})

describe("nextHop()", () => {
  it.each([200, 204, 300, 304, 305, 306, 400])("takes %i for the answer", (status) => {
    expect(nextHop(hop("GET"), { status, location: "/next" })).toBeUndefined()
  })

  it("takes a redirect without a location for the answer", () => {
    expect(nextHop(hop("GET"), { status: 302, location: null })).toBeUndefined()
  })

  it.each([
    ["next?x=1#y", "https://a.example/dir/next?x=1"],
    ["//b.example/next", "https://b.example/next"],
    ["http://127.0.0.1:80/", "http://127.0.0.1/"],
  ])("resolves %s to %s", (location, url) => {
    expect(nextHop(hop("GET"), { status: 302, location })?.url.href).toBe(url)
  })

  it.each([
    ["https://user:pass@b.example/", "bad_url"],
    ["https://b..example/", "bad_url"],
    ["https://[::1", "bad_url"],
    ["file:///etc/passwd", "scheme_refused"],
    ["data:text/plain,x", "scheme_refused"],
  ])("refuses the location %s: %s", (location, code) => {
    expect(() => nextHop(hop("GET"), { status: 302, location })).toThrow(expect.objectContaining({ code }))
  })

  it("gives another origin no header that could be a secret", () => {
    const next = nextHop(hop("GET"), { status: 307, location: "https://b.example/" })
    expect(namesOf(next)).toEqual(["accept", "user-agent"])
  })

  it.each(["https://a.example:444/", "http://a.example/", "https://sub.a.example/"])(
    "counts %s as another origin",
    (location) => {
      expect(namesOf(nextHop(hop("GET"), { status: 302, location }))).not.toContain("authorization")
    },
  )

  it.each([301, 302, 303])("turns a POST into a GET without body on %i", (status) => {
    const next = nextHop(hop("POST", "payload"), { status, location: "/next" })
    expect(next).toMatchObject({ method: "GET", body: undefined })
    expect(namesOf(next)).toEqual(["accept", "authorization", "cookie", "user-agent", "webhook-signature", "x-api-key"])
  })

  it.each([307, 308])("repeats a POST on %i within its origin, and takes it for the answer beyond", (status) => {
    const post = hop("POST", "payload")
    expect(nextHop(post, { status, location: "/next" })).toMatchObject({ method: "POST", body: "payload" })
    expect(nextHop(post, { status, location: "https://b.example/" })).toBeUndefined()
  })

  it("keeps HEAD as it is", () => {
    expect(nextHop(hop("HEAD"), { status: 303, location: "/next" })?.method).toBe("HEAD")
  })
})

describe("readBody()", () => {
  async function* chunks(...sizes: number[]) {
    for (const size of sizes) yield new Uint8Array(size).fill(7)
  }

  it("reads up to and including maxBytes", async () => {
    const { body, truncated } = await readBody(chunks(3, 0, 2), { maxBytes: 5, onTooLarge: "throw" })
    expect([body.byteLength, truncated]).toEqual([5, false])
  })

  it("throws too_large one byte later", async () => {
    const read = readBody(chunks(3, 3), { maxBytes: 5, onTooLarge: "throw" })
    await expect(read).rejects.toMatchObject({ code: "too_large" })
  })

  it("keeps the first bytes when asked to truncate, and none of 0", async () => {
    const kept = await readBody(chunks(3, 3, 3), { maxBytes: 5, onTooLarge: "truncate" })
    expect(kept).toEqual({ body: new Uint8Array(5).fill(7), truncated: true })
    const none = await readBody(chunks(1), { maxBytes: 0, onTooLarge: "truncate" })
    expect(none).toEqual({ body: new Uint8Array(0), truncated: true })
  })
})

describe("createGate()", () => {
  const never = new AbortController().signal

  it("lets the next in when one leaves, in order", async () => {
    const gate = createGate(1)
    const entered: string[] = []
    const leave = await gate.enter(never)
    const second = gate.enter(never).then((next) => [entered.push("second"), next] as const)
    const third = gate.enter(never).then((next) => [entered.push("third"), next] as const)
    expect(entered).toEqual([])
    leave()
    const [, leaveSecond] = await second
    expect(entered).toEqual(["second"])
    leaveSecond()
    await third
    expect(entered).toEqual(["second", "third"])
  })

  it("forgets who gave up", async () => {
    const gate = createGate(1)
    const leave = await gate.enter(never)
    const hasty = new AbortController()
    const gaveUp = gate.enter(hasty.signal)
    hasty.abort(new Error("enough"))
    await expect(gaveUp).rejects.toThrow("enough")
    leave()
    await expect(gate.enter(never)).resolves.toBeTypeOf("function")
  })
})

describe("withDeadline()", () => {
  const late = new Error("late")
  const untilAborted = (signal: AbortSignal) =>
    new Promise<never>((_resolve, reject) => signal.addEventListener("abort", () => reject(new Error("aborted"))))

  it("throws what onTimeout() makes, whatever the work threw", async () => {
    vi.useFakeTimers()
    const waiting = withDeadline({ timeoutMs: 1_000, onTimeout: () => late }, untilAborted).catch((error) => error)
    await vi.advanceTimersByTimeAsync(999)
    expect(vi.getTimerCount()).toBe(1)
    await vi.advanceTimersByTimeAsync(1)
    expect(await waiting).toBe(late)
  })

  it("leaves neither timer nor listener behind", async () => {
    vi.useFakeTimers()
    const { signal } = new AbortController()
    const limits = { timeoutMs: 1_000, signal, onTimeout: () => late }
    expect(await withDeadline(limits, async () => "done")).toBe("done")
    await expect(withDeadline(limits, () => Promise.reject(new Error("broken")))).rejects.toThrow("broken")
    expect([vi.getTimerCount(), getEventListeners(signal, "abort")]).toEqual([0, []])
  })
})
