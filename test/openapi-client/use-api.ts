import createClient from "openapi-fetch"
import type { components, paths, webhooks } from "./api.ts"

/** What somebody writes who has generated a client from /openapi.json: it has to compile under `strict`, and to run. */

export type Given = {
  origin: string
  /** Sees every request and answer. */
  fetch: (request: Request) => Promise<Response>
  picture: Uint8Array<ArrayBuffer>
  /** A picture that the classifier may fetch, one that is not there, and one that never comes. */
  pictureUrl: string
  missingUrl: string
  silentUrl: string
  webhookUrl: string
}
type Ticket = components["schemas"]["Ticket"]
type BatchTicket = components["schemas"]["BatchTicket"]
type Problem = components["schemas"]["Problem"]
type Answer<T> = { data?: T; error?: unknown; response: Response }

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

function dataOf<T>({ data, error, response }: Answer<T>): T {
  if (data === undefined) throw new Error(`${response.url} answered ${response.status} ${JSON.stringify(error)}`)
  return data
}

function problemOf(answer: Answer<unknown>): Problem {
  const problem = answer.error as Problem | undefined
  if (typeof problem?.code !== "string") throw new Error(`${answer.response.url} answered ${answer.response.status}`)
  return problem
}

/** Calls every operation, those with a body in each of their JSON forms. */
export async function useApi(given: Given): Promise<{ ids: string[]; codes: string[] }> {
  const client = createClient<paths>({ baseUrl: given.origin, fetch: given.fetch })
  const { pictureUrl, webhookUrl } = given
  const raw = {
    headers: { "content-type": "application/octet-stream" },
    bodySerializer: () => given.picture,
    body: "",
  } as const

  async function untilDone(ticket: Ticket): Promise<Ticket> {
    let latest = ticket
    while (!latest.done) {
      await sleep(latest.poll_after_ms ?? 100)
      const params = { path: { id: latest.id }, header: { Prefer: "wait=5" } }
      latest = dataOf(await client.GET("/v1/classifications/{id}", { params }))
    }
    return latest
  }

  const models = dataOf(await client.GET("/v1/models")).models
  const queue = dataOf(await client.GET("/v1/queue"))
  if (queue.classifiers < 1 || models[0] === undefined) throw new Error("There is no classifier")
  const name =
    dataOf(await client.GET("/v1/samples"))
      .samples[0]?.url.split("/")
      .at(-1) ?? ""
  dataOf<unknown>(await client.GET("/page/{name}", { params: { path: { name } }, parseAs: "arrayBuffer" }))
  dataOf(await client.GET("/healthz")).status satisfies "ok"
  dataOf(await client.GET("/readyz")).status satisfies "ready"
  dataOf(await client.GET("/openapi.json"))
  dataOf(await client.GET("/docs", { parseAs: "text" }))
  dataOf(await client.GET("/llms.txt", { parseAs: "text" }))
  dataOf(await client.GET("/llms-full.txt", { parseAs: "text" }))
  dataOf(await client.GET("/", { parseAs: "text" }))
  dataOf(await client.POST("/predict", { ...raw, params: { query: { top_k: 2 } } })).predictions[0]?.probability

  // Numbers are numbers, in the query and in JSON.
  const uploaded = dataOf(
    await client.POST("/v1/classifications", { ...raw, params: { query: { top_k: 3, threshold: 0.001 } } }),
  )
  const byUrl = dataOf(
    await client.POST("/v1/classifications", {
      body: {
        image_url: pictureUrl,
        top_k: 3,
        threshold: 0.1 + 0.2,
        deadline_ms: 60_000,
        output: "scores",
        webhook_url: webhookUrl,
      },
    }),
  )
  const resized = dataOf(
    await client.POST("/v1/classifications", {
      body: { image_url: pictureUrl, operation: "resize", width: 32, quality: 60, fit: "inside", format: "webp" },
    }),
  )
  const inspected = dataOf(
    await client.POST("/v1/classifications", { body: { image_url: pictureUrl, operation: "inspect", sha256: true } }),
  )
  const ends = await Promise.all([uploaded, byUrl, resized, inspected].map(untilDone))
  const failed = ends.find(({ status }) => status !== "succeeded")
  if (failed !== undefined) throw new Error(JSON.stringify(failed))
  const scores: number[] | undefined = ends[1]?.scores
  const output = ends[2]?.output
  if (scores === undefined || output === undefined || ends[3]?.image?.sha256 === undefined)
    throw new Error("No results")
  const outputId = output.url.split("/").at(-1) ?? ""
  const file = { params: { path: { id: outputId } }, parseAs: "arrayBuffer" } as const
  if (dataOf<unknown>(await client.GET("/v1/outputs/{id}", file)) === undefined) throw new Error("No output")

  const path = { id: byUrl.id }
  const { deliveries } = dataOf(await client.GET("/v1/classifications/{id}/deliveries", { params: { path } }))
  deliveries[0]?.attempts[0]?.status satisfies number | null | undefined
  const again = await client.POST("/v1/classifications/{id}/deliveries", { params: { path } })
  // One that was sent a moment ago is not sent again.
  if (again.data === undefined && problemOf(again).code !== "resend_too_soon") dataOf(again)

  const later = dataOf(
    await client.POST("/v1/classifications", { body: { image_url: given.silentUrl, webhook_url: webhookUrl } }),
  )
  dataOf(await client.DELETE("/v1/classifications/{id}", { params: { path: { id: later.id } } }))
  const retried = dataOf(await client.POST("/v1/classifications/{id}/retry", { params: { path: { id: later.id } } }))
  if (retried.retry_of !== later.id) throw new Error(JSON.stringify(retried))
  dataOf(await client.DELETE("/v1/classifications/{id}", { params: { path: { id: retried.id } } }))

  const batch = dataOf(
    await client.POST("/v1/batches", {
      params: { query: { top_k: 2, batch_size: 8, webhook_url: webhookUrl, webhook_every: 1 } },
      body: [pictureUrl, { id: 7, url: given.missingUrl }],
    }),
  )
  let state: BatchTicket = batch
  while (!state.done) {
    await sleep(state.poll_after_ms ?? 100)
    state = dataOf(await client.GET("/v1/batches/{id}", { params: { path: { id: batch.id } } }))
  }
  if (state.pictures.succeeded !== 1 || state.failures[0]?.code !== "url_not_found") throw new Error("Not as expected")
  for (const format of ["csv", "tsv", "jsonl"] as const) {
    const params = { path: { id: batch.id }, query: { format, limit: 2 } }
    const rows: string = dataOf(await client.GET("/v1/batches/{id}/results", { params, parseAs: "text" }))
    if (rows.trim().split("\n").length < 2) throw new Error(rows)
  }
  const batchAgain = dataOf(await client.POST("/v1/batches/{id}/retry", { params: { path: { id: batch.id } } }))
  if (batchAgain.retry_of !== batch.id || batchAgain.rows.total !== 1) throw new Error(JSON.stringify(batchAgain))
  const stopped = await client.DELETE("/v1/batches/{id}", { params: { path: { id: batch.id } } })
  const ofBatch = { params: { path: { id: batch.id } } }
  if (dataOf(await client.GET("/v1/batches/{id}/deliveries", ofBatch)).deliveries.length === 0) throw new Error("None")
  const anew = await client.POST("/v1/batches/{id}/deliveries", ofBatch)
  if (anew.data === undefined && problemOf(anew).code !== "resend_too_soon") dataOf(anew)
  const another = dataOf(await client.POST("/v1/batches", { body: [given.silentUrl] }))
  dataOf(await client.DELETE("/v1/batches/{id}", { params: { path: { id: another.id } } }))

  // Callers without a key have no list.
  const jobs = await client.GET("/v1/jobs", { params: { query: { state: "queued", limit: 5 } } })
  jobs.data?.tickets[0]?.status satisfies Ticket["status"] | undefined
  const canceled = await client.POST("/v1/jobs/cancel", { params: { query: { state: "queued" } } })
  canceled.data?.canceled satisfies number | undefined

  const refused = [
    jobs,
    canceled,
    await client.POST("/v1/classifications", { body: { image_url: "ftp://example.com" } }),
    await client.GET("/v1/classifications/{id}", { params: { path: { id: "cls_forged" } } }),
    await client.POST("/v1/batches", { body: ["no URL"] }),
    stopped,
  ]
  return {
    ids: [byUrl.id, later.id, retried.id, batch.id, batchAgain.id],
    codes: refused.map((answer) => problemOf(answer).code),
  }
}

type Event = {
  [T in keyof webhooks]: webhooks[T]["post"]["requestBody"]["content"]["application/json"]
}[keyof webhooks]

/** What a receiver does with a verified body: the type says what the data is. */
export function webhookEventOf(event: Event): string {
  switch (event.type) {
    case "classification.succeeded":
      return `${event.data.id} ${event.data.predictions?.[0]?.label ?? event.data.output?.url ?? "done"}`
    case "classification.failed":
    case "classification.canceled":
      return `${event.data.id} ${event.data.error?.code ?? event.data.status}`
    case "batch.progress":
    case "batch.succeeded":
    case "batch.failed":
    case "batch.canceled":
      return `${event.data.id} ${event.data.pictures.done} of ${event.data.pictures.total} ${event.data.results_url}`
    default:
      return event satisfies never
  }
}
