import { Registry } from "prom-client"
import { afterAll, beforeAll, expect, it } from "vitest"
import { createMetrics } from "../../../src/classifier/health/metrics.ts"
import { ActiveJobs } from "../../../src/classifier/jobs/active-jobs.ts"
import { runJob } from "../../../src/classifier/jobs/run-job.ts"
import { ServiceMeter } from "../../../src/classifier/jobs/service-meter.ts"
import { Reachability } from "../../../src/classifier/loops/until-reached.ts"
import { createLog, silentLog } from "../../../src/lib/log.ts"
import { JobStore } from "../../../src/lib/queue/job-store.ts"
import { createSealer } from "../../../src/lib/redis/sealed-bytes.ts"
import { silentTracer } from "../../../src/lib/trace/tracer.ts"
import { noOutputs } from "../../support/classifier/no-outputs.ts"
import { noSource } from "../../support/classifier/no-source.ts"
import { startBackend } from "../../support/edge/edge-backend.ts"
import { FakeClassifier, succeed } from "../../support/edge/edge-classifier.ts"
import { openInProcess } from "../../support/edge/edge-in-process.ts"
import { type Backend, edgeEnv } from "../../support/edge/edge-runtime.ts"
import { uniqueJpeg } from "../../support/images/edge-images.ts"
import { DEFAULT_STORE_LIMITS } from "../../support/store/store-limits.ts"

const SECRET = "the-secret-of-the-edge-in-32-characters"
const OTHER = "another-secret-that-the-edge-does-not-know"

let backend: Backend
let classifier: FakeClassifier
beforeAll(async () => {
  backend = await startBackend()
  classifier = new FakeClassifier(backend)
  await classifier.arrive()
})
afterAll(() => backend?.stop())

type Tamper = (payloadId: string) => Promise<unknown>

/** Submits to an edge that seals, and works on it with the real runner and these secrets. */
async function classifyWith(
  secrets: string[],
  { tamper, acceptsPlain }: { tamper?: Tamper; acceptsPlain?: boolean } = {},
) {
  const edge = openInProcess(await edgeEnv(backend, { PAYLOAD_SECRET: SECRET }))
  const picture = uniqueJpeg()
  const accepted = await edge.request("/v1/classifications", { method: "POST", body: picture })
  const [job] = await classifier.claim()
  if (job === undefined) throw new Error("There is no job")
  await tamper?.(job.payloadId ?? "")
  const lines: string[] = []
  const seen: Uint8Array[] = []
  const done = new AbortController()
  const runner = {
    store: new JobStore(
      classifier.redis,
      classifier.keys,
      DEFAULT_STORE_LIMITS,
      createSealer(secrets, { acceptsPlain: acceptsPlain === true }),
    ),
    pool: {
      async run({ bytes }: { bytes: Uint8Array }) {
        seen.push(bytes)
        const { state, ...outcome } = succeed(job)
        if (!("result" in outcome)) throw new Error(`It is ${state}`)
        return { ...outcome.result, image: { format: "jpeg", width: 64, height: 48, orientation: 1 } }
      },
    },
    outputs: noOutputs,
    now: Date.now,
    meter: new ServiceMeter(),
    isBacklogged: () => false,
    metrics: createMetrics(new Registry(), { lanes: () => 1, free: () => 1, active: () => 1 }),
    reachability: new Reachability(silentLog),
    tracer: silentTracer,
    log: createLog({ server: "test", script: "classifier", write: (line) => lines.push(line) }),
    source: noSource,
    shutdown: done.signal,
    giveUp: done.signal,
    backoffMs: 0,
  }
  const active = new ActiveJobs(() => undefined)
  active.start(job, (stopped) => runJob(runner, job, stopped))
  await active.drained()
  const ticket = await (await edge.request(accepted.headers.get("location") ?? "")).json()
  return { ticket, picture, seen, log: lines.join("\n"), left: await classifier.claim() }
}

it("a classifier with the edge's PAYLOAD_SECRET among its own sees the picture as it was sent", async () => {
  const { ticket, picture, seen } = await classifyWith([OTHER, SECRET])
  expect(ticket).toMatchObject({ status: "succeeded", attempts: 1 })
  expect(seen).toEqual([picture])
})

it.each([
  ["no PAYLOAD_SECRET", []],
  ["another PAYLOAD_SECRET", [OTHER]],
])("a classifier with %s fails the ticket at once, says why, and tries no more", async (_what, secrets) => {
  const { ticket, seen, log, left } = await classifyWith(secrets)
  expect(ticket).toMatchObject({
    status: "failed",
    attempts: 1,
    error: { code: "payload_unreadable", message: expect.stringContaining("PAYLOAD_SECRET") },
  })
  expect(seen).toEqual([])
  expect(left).toEqual([])
  expect(log).toContain("payload_unreadable")
  expect(log).not.toContain(OTHER)
  expect(await classifier.payloadKeys()).toEqual([])
})

const write = (payloadId: string, bytes: Uint8Array) =>
  classifier.redis.setBytes(classifier.keys.payload(payloadId), bytes, 60_000)

it.each<[string, Tamper]>([
  ["a picture that is not sealed", (payloadId) => write(payloadId, uniqueJpeg())],
  [
    "another picture that is sealed",
    async (payloadId) => write(payloadId, await createSealer([SECRET]).seal(uniqueJpeg(), "p_of_another_job")),
  ],
])(
  "who can write to Redis cannot put %s in the place of one: the ticket fails, and nothing is inferred",
  async (_what, tamper) => {
    const { ticket, seen } = await classifyWith([SECRET], { tamper })
    expect(ticket).toMatchObject({ status: "failed", attempts: 1, error: { code: "payload_unreadable" } })
    expect(seen).toEqual([])
  },
)

it("PAYLOAD_SECRET_ACCEPTS_PLAIN reads pictures of edges that do not seal yet", async () => {
  const plain = uniqueJpeg()
  const tamper: Tamper = (payloadId) => write(payloadId, plain)
  const { ticket, seen } = await classifyWith([SECRET], { tamper, acceptsPlain: true })
  expect(ticket).toMatchObject({ status: "succeeded" })
  expect(seen).toEqual([plain])
})
