import { afterAll, beforeAll, expect, vi } from "vitest"
import { type Ticket, ticketSchema } from "../../../src/lib/tickets/ticket.ts"
import { FakeClassifier } from "../../support/edge/edge-classifier.ts"
import { type Backend, type EdgeRuntime, edgeEnv, type RunningEdge } from "../../support/edge/edge-runtime.ts"
import { noise, uniqueJpeg } from "../../support/images/edge-images.ts"

type Fields = Record<string, string>
export type PostOptions = { query?: string; headers?: Record<string, string> }

/** An edge under test, its classifier, and the calls that a client makes. */
export type EdgeClient = ReturnType<typeof useEdge>

/** Registers with vitest that an edge runs, on a Redis of its own, while the tests of this block do. */
export function useEdge(runtime: EdgeRuntime) {
  let running: { backend: Backend; classifier: FakeClassifier; edge: RunningEdge } | undefined
  const now = () => {
    if (running === undefined) throw new Error("The edge under test has not started")
    return running
  }
  beforeAll(async () => {
    const backend = await runtime.startBackend()
    const classifier = new FakeClassifier(backend)
    await classifier.arrive()
    running = { backend, classifier, edge: await runtime.openEdge(await edgeEnv(backend)) }
  })
  afterAll(async () => {
    await running?.edge.close()
    await running?.backend.stop()
  })

  const request = (path: string, init?: RequestInit) => now().edge.request(path, init)
  const get = (path: string, headers: Fields = {}) => request(path, { headers })
  const post = (body: BodyInit, { query = "", headers = {} }: PostOptions = {}) =>
    request(`/v1/classifications${query}`, { method: "POST", body, headers })
  return {
    get classifier() {
      return now().classifier
    },
    request,
    get,
    post,
    /** Posts what must be accepted. */
    submit: async (options: PostOptions = {}, body: BodyInit = picture()) =>
      expectTicket(await post(body, options), 202),
    /** Cancels. */
    drop: (ticket: Ticket, headers: Fields = {}) =>
      request(`/v1/classifications/${ticket.id}`, { method: "DELETE", headers }),
    /** Reads a ticket that must be there. */
    read: async (ticket: Ticket, headers: Fields = {}) =>
      expectTicket(await get(`/v1/classifications/${ticket.id}`, headers), 200),
  }
}

/** Another picture each time, of its header alone. */
export const picture = uniqueJpeg

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

/** Waits for a condition, for as long as a busy machine may need. */
export const until = (condition: () => Promise<boolean>) => vi.waitUntil(condition, { timeout: 10_000, interval: 20 })

/** A body without a length, in pieces as a network brings them. */
export function streamed(bytes: number): RequestInit {
  const piece = noise(100_000)
  let sent = 0
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.enqueue(piece)
      sent += piece.length
      if (sent >= bytes) controller.close()
    },
  })
  return { method: "POST", body, duplex: "half" } as RequestInit
}

export async function expectTicket(response: Response, status: number): Promise<Ticket> {
  const body = await response.json()
  expect({ status: response.status, body }).toMatchObject({ status })
  expect(response.headers.get("content-type")).toMatch(/^application\/json/)
  return ticketSchema.strict().parse(body)
}

/** Problem details as RFC 9457 has them, with the code that a client may branch on. */
export async function expectProblem(response: Response, status: number, code: string | RegExp) {
  const body = (await response.json()) as { detail: string }
  expect({ status: response.status, type: response.headers.get("content-type"), body }).toMatchObject({
    status,
    type: "application/problem+json",
    body: {
      type: "about:blank",
      title: expect.any(String),
      status,
      code: typeof code === "string" ? code : expect.stringMatching(code),
      detail: expect.any(String),
    },
  })
  return body
}

export function expectHints(headers: Headers, ticket: Ticket): void {
  const pollAfterMs = Number(headers.get("poll-after-ms"))
  expect(pollAfterMs).toBe(ticket.poll_after_ms)
  expect(pollAfterMs).toBeGreaterThan(0)
  expect(headers.get("retry-after")).toBe(String(Math.ceil(pollAfterMs / 1_000)))
}
