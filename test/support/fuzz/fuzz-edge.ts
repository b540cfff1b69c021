import fc from "fast-check"
import { createApp } from "../../../src/edge/app.ts"
import type { OpenApiDocument } from "../../../src/edge/openapi/create-document.ts"
import { createServices } from "../../../src/edge/services.ts"
import { AppError } from "../../../src/lib/app-error.ts"
import { createChecker } from "../../contract/conforming-edge.ts"
import { FakeClassifier, succeed } from "../edge/edge-classifier.ts"
import { ALICE, type Backend, edgeEnv } from "../edge/edge-runtime.ts"
import { uniqueJpeg } from "../images/edge-images.ts"
import { arbitraryRequest, type FuzzRequest } from "./request-arbitrary.ts"
import { toRequest } from "./to-request.ts"

/** How many are in the edge's hands at the same time. */
const AT_ONCE = 32
/** Batches of them to a seed. */
const ROUND = 50
/** Who waits for longer goes away: otherwise a wait for a model that nobody serves would take half a minute each. */
const PATIENCE_MS = 100
const MAX_ATTEMPTS = 5

/** How a wait may end that the caller wants to be short, or for a model that nobody serves. */
const WAITED_IN_VAIN = ["result_pending", "deadline_exceeded"]

export type FuzzReport = { requests: number; byStatus: Record<string, number>; byRoute: Record<string, number> }

/**
 * Sends that many requests to an edge in this process, on a real Redis behind our gateway. Throws with the seed and the
 * smallest requests that still do it when an answer is a 5xx or is not what the edge's own document says.
 */
export async function fuzzEdge(backend: Backend, options: { requests: number; seed: number }): Promise<FuzzReport> {
  const lines: string[] = []
  const services = createServices(await edgeEnv(backend, { CORS_ORIGINS: "http://localhost:*" }), {
    server: "fuzz",
    write: (line) => lines.push(line),
  })
  let caller = 0
  // From another address each time: one that guesses keys is soon refused whatever it asks.
  const clientAddress = () => `10.0.${(caller >> 8) & 255}.${caller++ & 255}`
  const app = createApp(services, { clientAddress, ownHosts: ["edge.test"] })
  const document = (await (await app.request("/openapi.json")).json()) as OpenApiDocument
  const check = createChecker(document as never)
  const classifier = new FakeClassifier(backend)
  await classifier.arrive()
  const stopWorking = keepWorking(classifier)
  const report: FuzzReport = { requests: 0, byStatus: {}, byRoute: {} }

  async function send(asked: FuzzRequest): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      const request = toRequest(asked, AbortSignal.timeout(PATIENCE_MS))
      if (request === null) return
      const response = await app.fetch(request)
      // A busy machine may have lost a call to Redis; what a request itself brings about comes again.
      if (attempt < MAX_ATTEMPTS && (await codeOf(response)) === "redis_unavailable") continue
      await judge(request, response)
      return
    }
  }

  async function judge(request: Request, response: Response): Promise<void> {
    const path = new URL(request.url).pathname
    const code = await codeOf(response)
    if (code !== null && !(path === "/predict" && WAITED_IN_VAIN.includes(code))) {
      const logged = lines.filter((line) => line.includes("request.failed")).slice(-1)
      throw new Error(`${request.method} ${path} → ${response.status} ${await response.text()}\n${logged}`)
    }
    await check({ method: request.method, path }, response)
    report.requests++
    report.byStatus[response.status] = (report.byStatus[response.status] ?? 0) + 1
    const route = `${request.method} ${templateOf(document, path)}`
    report.byRoute[route] = (report.byRoute[route] ?? 0) + 1
  }

  try {
    const tickets = await someTickets(app)
    const arbitrary = arbitraryRequest(document, tickets)
    const batch = fc.array(arbitrary, { minLength: 1, maxLength: AT_ONCE, size: "max" })
    const property = fc.asyncProperty(batch, (requests) => Promise.all(requests.map(send)).then(() => undefined))
    for (let round = 0; report.requests < options.requests; round++) {
      await fc.assert(property, { seed: options.seed + round, numRuns: ROUND })
    }
  } finally {
    await stopWorking()
  }
  return report
}

/** One of an anonymous caller, one of a key's, one that is done, and one that never will be. */
async function someTickets(app: { request(path: string, init: RequestInit): Response | Promise<Response> }) {
  const cases = [{}, { authorization: `Bearer ${ALICE}` }, { prefer: "wait=5" }]
  const submits = [...cases.map((headers) => ["", headers] as const), ["?model=asleep", {}] as const]
  const ids = submits.map(async ([query, headers]) => {
    const init = { method: "POST", body: uniqueJpeg(), headers }
    const response = await app.request(`/v1/classifications${query}`, init)
    return ((await response.json()) as { id: string }).id
  })
  return Promise.all(ids)
}

async function codeOf(response: Response): Promise<string | null> {
  if (response.status < 500) return null
  const { code } = (await response.clone().json()) as { code: string }
  return code
}

function keepWorking(classifier: FakeClassifier): () => Promise<void> {
  let isOver = false
  const loop = async () => {
    while (!isOver) {
      try {
        for (const job of await classifier.claim()) {
          await classifier.store.finish({ jobId: job.id, token: job.leaseToken }, succeed(job), Date.now())
        }
      } catch (error) {
        if (!(error instanceof AppError && error.code === "redis_unavailable")) throw error
      }
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
  const working = loop()
  return async () => {
    isOver = true
    await working
  }
}

function templateOf(document: OpenApiDocument, path: string): string {
  const matches = (template: string) => new RegExp(`^${template.replaceAll(/\{\w+\}/g, "[^/]+")}$`).test(path)
  return Object.keys(document.paths).find(matches) ?? "elsewhere"
}
