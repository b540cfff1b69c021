import { Claimcheck, type ConnectionOptions } from "../../src/lib/client/claimcheck.ts"

export const PICTURE = new Uint8Array([0xff, 0xd8, 0xff, 0xe0, 1, 2, 3])
export const TICKET = { id: "cls_1", status: "queued", done: false }

export type Answer = Response | ((signal: AbortSignal | undefined) => Response | Promise<Response>)
export type Seen = { method: string; url: string; headers: Headers; body: number[] }

/** Gives its answers in turn, and a clock that only sleeping moves. */
export function fakeEdge(answers: Answer[]) {
  const requests: Seen[] = []
  const slept: number[] = []
  const clock = { ms: 0 }
  const fetchNow = async (input: unknown, init: RequestInit = {}): Promise<Response> => {
    const body = init.body ? [...new Uint8Array(await new Response(init.body).arrayBuffer())] : []
    requests.push({ method: init.method ?? "GET", url: String(input), headers: new Headers(init.headers), body })
    const answer = answers.shift()
    if (answer === undefined) throw new Error("One request too many")
    return typeof answer === "function" ? answer(init.signal ?? undefined) : answer
  }
  const sleep = async (ms: number): Promise<void> => {
    slept.push(Math.round(ms * 10) / 10)
    clock.ms += ms
  }
  const options = (more: Partial<ConnectionOptions> = {}): ConnectionOptions => ({
    url: "http://edge.test/",
    fetch: fetchNow as typeof fetch,
    sleep,
    random: () => 0.5,
    now: () => clock.ms,
    ...more,
  })
  return {
    requests,
    slept,
    clock,
    options,
    client: (more?: Partial<ConnectionOptions>) => new Claimcheck(options(more)),
  }
}

export function json(status: number, body: unknown, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json", ...headers } })
}

export function queued(headers: Record<string, string> = {}, more: Record<string, unknown> = {}): Response {
  return json(202, { ...TICKET, ...more }, headers)
}

export function succeeded(): Response {
  const predictions = [{ label: "castle", probability: 0.9, class_index: 483 }]
  return json(200, { ...TICKET, status: "succeeded", done: true, predictions })
}

export function problem(status: number, code: string, headers: Record<string, string> = {}): Response {
  return json(status, { type: "about:blank", title: code, status, code, detail: `The detail of ${code}` }, headers)
}

export function html(status: number): Response {
  return new Response("<html>a proxy</html>", { status, headers: { "content-type": "text/html" } })
}

export function notModified(headers: Record<string, string>): Response {
  return new Response(null, { status: 304, headers })
}

/** The connection breaks before the answer is there. */
export function dropped(): Answer {
  return () => {
    throw new TypeError("fetch failed")
  }
}

/** The connection breaks in the middle of the answer, and nobody says so. */
export function cutShort(): Response {
  return new Response('{"id":"cls_1","status":"succ', { headers: { "content-type": "application/json" } })
}

/** Never answers; ends as fetch does when its signal is aborted. */
export function silent(asked: () => void = () => undefined): Answer {
  return (signal) =>
    new Promise((_resolve, reject) => {
      signal?.addEventListener("abort", () => reject(signal.reason))
      asked()
    })
}
