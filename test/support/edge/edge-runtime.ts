/** A Redis of a test's own, and the gateway in front of it. */
export type Backend = {
  url: string
  token: string
  /** Redis keeps its port and answers nobody. */
  pause(): Promise<void>
  resume(): Promise<void>
  /** Redis is gone; the gateway stays. */
  kill(): Promise<void>
  stop(): Promise<void>
}

export type RunningEdge = {
  request(path: string, init?: RequestInit): Promise<Response>
  /** What it has logged so far, as text. */
  logged(): string
  close(): Promise<void>
}

/** One of the places where the edge runs. */
export type EdgeRuntime = {
  startBackend(): Promise<Backend>
  openEdge(env: Record<string, string>): Promise<RunningEdge>
}

export const ALICE = "alice-token"
export const BOB = "bob-token"

/** Configuration of an edge under test: two keys, and anonymous callers. */
export async function edgeEnv(
  { url, token }: Pick<Backend, "url" | "token">,
  overrides: Record<string, string> = {},
): Promise<Record<string, string>> {
  return {
    UPSTASH_REDIS_REST_URL: url,
    UPSTASH_REDIS_REST_TOKEN: token,
    TICKET_SECRET: "a secret of the tests,an older one of them".replaceAll(" ", "-"),
    API_KEYS: `alice:${await sha256Hex(ALICE)},bob:${await sha256Hex(BOB)}:2`,
    ALLOW_ANONYMOUS: "true",
    ...overrides,
  }
}

export async function sha256Hex(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("")
}
