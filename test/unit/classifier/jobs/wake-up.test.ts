import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { listenForWakeUps, type WakeUpOptions } from "../../../../src/classifier/jobs/wake-up.ts"
import { createLog } from "../../../../src/lib/log.ts"
import { encodeWakeUp } from "../../../../src/lib/queue/wake-up-message.ts"
import { readEventStream } from "../../../../src/lib/redis/event-stream.ts"
import type { ChannelListener } from "../../../../src/lib/redis/redis.ts"

/** A server that takes subscriptions, says what it is told to, and lets each stream go with its signal, as fetch does. */
class FakeServer {
  readonly streams: { send: (text: string) => void; end: () => void; break: () => void; isOpen: () => boolean }[] = []
  refuses = false

  pings = false

  subscribe(_channel: string, listener: ChannelListener, signal: AbortSignal): Promise<void> {
    if (this.refuses) return Promise.reject(new Error("refused"))
    const silence = new AbortController()
    const stream = this.#open(AbortSignal.any([signal, silence.signal]))
    return readEventStream(stream, listener, { server: this, onSilence: () => silence.abort() })
  }

  #open(signal: AbortSignal): ReadableStream<Uint8Array> {
    return new ReadableStream({
      start: (controller) => {
        let open = true
        const close = (how: () => void) => () => {
          if (open) how()
          open = false
        }
        signal.addEventListener(
          "abort",
          close(() => controller.error(signal.reason)),
        )
        this.streams.push({
          send: (text) => controller.enqueue(new TextEncoder().encode(text)),
          end: close(() => controller.close()),
          break: close(() => controller.error(new Error("connection reset"))),
          isOpen: () => open,
        })
      },
    })
  }

  get last() {
    const stream = this.streams.at(-1)
    if (stream === undefined) throw new Error("Nobody has subscribed")
    return stream
  }
}

const GREETING = "data: subscribe,wake,1\n\n"

describe("listenForWakeUps()", () => {
  let server: FakeServer
  let controller: AbortController
  let seen: string[]
  let ended: Promise<void>

  beforeEach(() => {
    vi.useFakeTimers()
    server = new FakeServer()
    controller = new AbortController()
    seen = []
    ended = listenForWakeUps({
      redis: server as unknown as WakeUpOptions["redis"],
      channel: "wake",
      onMessage: (message) => seen.push(encodeWakeUp(message)),
      onConnected: () => seen.push("+"),
      onDisconnected: () => seen.push("-"),
      signal: controller.signal,
      log: createLog({ server: "", script: "", write: () => undefined }),
    })
  })
  afterEach(async () => {
    controller.abort()
    await ended
    expect(vi.getTimerCount()).toBe(0)
    vi.useRealTimers()
  })

  const until = (condition: () => boolean) => vi.waitFor(() => expect(condition()).toBe(true))
  async function connect(): Promise<void> {
    const count = seen.filter((what) => what === "+").length
    await until(() => server.streams.length > count)
    server.last.send(GREETING)
    await until(() => seen.filter((what) => what === "+").length > count)
  }

  it("tells that it is connected, then every message, however the bytes are cut", async () => {
    await connect()
    const text = "data: message,wake,queued\r\n\r\n: ping\n\ndata: message,wake,canceled:a,b\n\n"
    for (const char of text) server.last.send(char)
    await until(() => seen.length === 3)
    expect(seen).toEqual(["+", "queued", "canceled:a,b"])
  })

  it.each(["end", "break"] as const)("connects again when the stream comes to an end (%s)", async (how) => {
    await connect()
    server.last[how]()
    await until(() => seen.at(-1) === "-")
    await connect()
    server.last.send("data: message,wake,outbox\n")
    await until(() => seen.length === 4)
    expect(seen).toEqual(["+", "-", "+", "outbox"])
  })

  it("tries again, ever more rarely, while it is refused", async () => {
    await connect()
    const subscribe = vi.spyOn(server, "subscribe")
    server.refuses = true
    server.last.end()
    await vi.advanceTimersByTimeAsync(600_000)
    // Full jitter up to 15 s: 80 tries on average in ten minutes.
    expect(subscribe.mock.calls.length).toBeGreaterThan(40)
    expect(subscribe.mock.calls.length).toBeLessThan(200)
    server.refuses = false
    await vi.advanceTimersByTimeAsync(15_000)
    await connect()
  })

  it("gives up a stream whose pings have stopped", async () => {
    await connect()
    const first = server.last
    for (let i = 0; i < 10; i++) {
      first.send(": ping\n\n")
      await vi.advanceTimersByTimeAsync(15_000)
    }
    expect(first.isOpen()).toBe(true)
    await vi.advanceTimersByTimeAsync(36_000)
    expect(first.isOpen()).toBe(false)
    await until(() => seen.includes("-"))
    await connect()
  })

  it("opens another stream when a server that never pings has been silent for minutes, and none before", async () => {
    await connect()
    const first = server.last
    await vi.advanceTimersByTimeAsync(290_000)
    first.send("data: message,wake,outbox\n")
    await vi.advanceTimersByTimeAsync(290_000)
    expect(first.isOpen()).toBe(true)
    expect(seen.at(-1)).toBe("outbox")
    await vi.advanceTimersByTimeAsync(11_000)
    expect(first.isOpen()).toBe(false)
    await connect()
  })

  it("ends with its signal, and lets the stream go", async () => {
    await connect()
    controller.abort()
    await ended
    expect(server.last.isOpen()).toBe(false)
    expect(seen).toEqual(["+", "-"])
    expect(server.streams).toHaveLength(1)
  })

  it("ends with its signal while it waits to try again", async () => {
    await connect()
    server.refuses = true
    server.last.end()
    await until(() => seen.at(-1) === "-")
    controller.abort()
    await ended
    expect(server.streams).toHaveLength(1)
  })
})
