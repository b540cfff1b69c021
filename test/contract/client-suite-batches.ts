import type { Batch, BatchRow, List } from "../../src/lib/client/claimcheck.ts"
import { cutShort, dropped, fakeEdge, html, json, problem, type Seen, silent } from "./client-fake-edge.ts"
import { equal, failure, ok, textOf } from "./client-suite-check.ts"

const BATCH = { id: "bat_1", status: "processing", done: false }

/** The client's promises about batches, for every platform, as those of client-suite.ts. */
export const clientSuiteOfBatches: readonly { name: string; run: () => Promise<void> }[] = [
  {
    name: "submitBatch() sends rows as JSON, and a file, bytes and a stream as they are",
    async run() {
      const csv = new TextEncoder().encode("url\nhttps://a.example/1.jpg\n")
      const lists: [List, string, string][] = [
        [
          ["https://a.example/1.jpg", new URL("https://a.example/2.jpg")],
          "application/json",
          '["https://a.example/1.jpg","https://a.example/2.jpg"]',
        ],
        [
          [{ sku: 7, url: "https://a.example/1.jpg" }],
          "application/json",
          '[{"sku":7,"url":"https://a.example/1.jpg"}]',
        ],
        [new Blob([csv], { type: "text/csv" }), "text/csv", new TextDecoder().decode(csv)],
        [csv, "application/octet-stream", new TextDecoder().decode(csv)],
        [csv.buffer, "application/octet-stream", new TextDecoder().decode(csv)],
        [new Blob([csv]).stream(), "application/octet-stream", new TextDecoder().decode(csv)],
      ]
      for (const [list, contentType, text] of lists) {
        // The reply is lost, and the list is sent again whole, under the same key.
        const edge = fakeEdge([dropped(), html(502), accepted()])
        const batch = await edge.client().submitBatch(list)
        equal([batch.id, batch.latest?.status], ["bat_1", "processing"])
        equal(edge.requests.map(textOf), [text, text, text])
        const keys = new Set(edge.requests.map(({ headers }) => headers.get("idempotency-key")))
        equal([keys.size, [...keys][0]?.length], [1, 32])
        equal(edge.requests[0]?.headers.get("content-type"), contentType)
      }
    },
  },
  {
    name: "submitBatch() asks with the options of the work and of the list, and names one that there is not",
    async run() {
      const edge = fakeEdge([accepted(), accepted()])
      const client = edge.client({ key: "k" })
      await client.submitBatch([], {
        operation: "resize",
        options: { width: 64, output_format: "webp" },
        idempotencyKey: "mine",
      })
      await client.submitBatch([], {
        ...{
          model: "m",
          topK: 3,
          threshold: 0.1,
          output: "scores",
          lang: "de",
          deadlineMs: 9,
          webhookUrl: "https://h.example",
        },
        ...{ webhookEvery: 5, batchSize: 8, urlColumn: "photo", onInvalid: "skip", format: "csv" },
      })
      const [first, second] = edge.requests as [Seen, Seen]
      equal(first.url, "http://edge.test/v1/batches?width=64&output_format=webp&operation=resize")
      equal([first.headers.get("idempotency-key"), first.headers.get("authorization")], ["mine", "Bearer k"])
      equal(Object.fromEntries(new URL(second.url).searchParams), {
        ...{ model: "m", top_k: "3", threshold: "0.1", output: "scores", lang: "de", deadline_ms: "9" },
        ...{ webhook_url: "https://h.example", webhook_every: "5", batch_size: "8", url_column: "photo" },
        ...{ on_invalid: "skip", format: "csv" },
      })
      const thrown = [
        await client.submitBatch([], { batch_size: 3 } as object).catch((error: unknown) => error),
        await client
          .batch("bat_1")
          .results({ offset: 3 } as object)
          .catch((error: unknown) => error),
        await client
          .batch("bat_1")
          .wait({ timeout: 3 } as object)
          .catch((error: unknown) => error),
        await numbersOf(client.batch("bat_1"), { from: 3 } as object).catch((error: unknown) => error),
        await client.submitBatch("url\nhttps://a.example" as never).catch((error: unknown) => error),
        await client.submitBatch({ url: "https://a.example" } as never).catch((error: unknown) => error),
      ]
      ok(
        thrown.every((error) => error instanceof TypeError),
        String(thrown),
      )
      ok(String(thrown[0]).includes('"batch_size": it is called batchSize'), String(thrown[0]))
      equal(edge.requests.length, 2)
    },
  },
  {
    name: "submitBatch() says which rows cannot be taken",
    async run() {
      const rows = [{ row: 2, line: 3, column: "url", value: "x", reason: "is no URL" }]
      const edge = fakeEdge([json(400, { code: "invalid_rows", detail: "Two rows", invalid_rows: 2, rows })])
      const error = await failure(edge.client().submitBatch(["x"]))
      equal(
        [error.code, error.isTransient, error.problem?.invalid_rows, error.problem?.rows],
        ["invalid_rows", false, 2, rows],
      )
    },
  },
  {
    name: "wait() looks when the server says, without an ETag, until the batch is done, whatever became of it",
    async run() {
      for (const status of ["succeeded", "failed", "canceled"]) {
        const edge = fakeEdge([
          json(200, BATCH, { etag: 'W/"1"', "poll-after-ms": "700" }),
          problem(503, "redis_unavailable"),
          json(200, { ...BATCH, notice: "No classifier is there" }, { etag: 'W/"1"', "poll-after-ms": "300" }),
          json(200, { ...BATCH, status, done: true }),
        ])
        const notices: unknown[] = []
        const batch = edge.client().batch("bat_1")
        const done = await batch.wait({ onUpdate: ({ notice }) => void notices.push(notice) })
        equal([done.status, batch.latest?.status], [status, status])
        equal(notices, [undefined, "No classifier is there", undefined])
        equal(edge.slept, [682.5, 100, 292.5])
        equal(
          edge.requests.map(({ headers }) => headers.get("if-none-match")),
          [null, null, null, null],
        )
      }
    },
  },
  {
    name: "wait() gives up when its time is over, and ends with the signal's reason",
    async run() {
      const edge = fakeEdge(Array.from({ length: 9 }, () => json(200, BATCH, { "poll-after-ms": "3000" })))
      const error = await failure(edge.client().batch("bat_1").wait({ timeoutMs: 5_000 }))
      equal(
        [error.code, error.message, edge.clock.ms],
        ["timeout", "No answer in time: the batch is processing, goes on, and can be asked for again", 5_000],
      )
      const controller = new AbortController()
      const aborted = fakeEdge([silent(() => controller.abort("enough"))])
      const thrown = await aborted
        .client()
        .batch("bat_1")
        .wait({ signal: controller.signal })
        .catch((reason: unknown) => reason)
      equal(thrown, "enough")
    },
  },
  {
    name: "retry() of a batch gives a batch of its own",
    async run() {
      const edge = fakeEdge([json(202, { ...BATCH, id: "bat_2", retry_of: "bat_1" }), problem(409, "already_finished")])
      const batch = edge.client().batch("bat_1")
      const anew = await batch.retry()
      equal([anew.id, anew.latest?.retry_of], ["bat_2", "bat_1"])
      equal(edge.requests[0]?.url, "http://edge.test/v1/batches/bat_1/retry")
      equal((await failure(batch.retry())).code, "already_finished")
    },
  },
  {
    name: "cancel() of a batch repeats a lost reply, and says when it came too late",
    async run() {
      const edge = fakeEdge([
        dropped(),
        json(200, { ...BATCH, status: "canceled", done: true }),
        problem(409, "already_finished"),
      ])
      const batch = edge.client().batch("bat_1")
      equal((await batch.cancel()).status, "canceled")
      equal((await failure(batch.cancel())).code, "already_finished")
      equal(edge.requests.map(({ method, url }) => `${method} ${new URL(url).pathname}`)[0], "DELETE /v1/batches/bat_1")
    },
  },
  {
    name: "results() asks again for a page that is cut short, of a proxy, or does not say where to go on",
    async run() {
      const broken = () =>
        page(new ReadableStream({ start: (controller) => controller.error(new TypeError("terminated")) }), 2)
      const csv = 'url,"a\nb"\r\n1,"say ""x"",\n"\r\n2,\r\n'
      for (const [format, after, text, parts] of [
        ["csv", 0, csv, [csv.slice(0, -3), csv.slice(0, 20), csv.slice(0, 10), ""]],
        ["tsv", 5, '1\t"\n"\r\n2\t\r\n', ['1\t"\n"\r\n', '1\t"\n"\r\n2\t', ""]],
        ["jsonl", 0, '{"row":1,"a":"\\""}\n{"row":2}\n', ['{"row":1,"a":"\\""}\n', '{"row":1,"a":"\\""}\n{"row', ""]],
      ] as const) {
        const edge = fakeEdge([
          ...parts.map((part) => page(part, after + 2)),
          ...[broken, html(200), html(502), cutShort()],
          page(text, after + 2, true),
        ])
        const { body, ...rest } = await edge.client().batch("bat_1").results({ format, after, limit: 9 })
        equal([await body.text(), rest], [text, { nextAfter: after + 2, isComplete: true }])
        equal(edge.requests.length, parts.length + 5)
        equal(
          edge.requests[0]?.url,
          `http://edge.test/v1/batches/bat_1/results?format=${format}&after=${after}&limit=9`,
        )
      }
    },
  },
  {
    name: "rows() gives every row once and in order as they get done, over pages, lost replies and empty looks",
    async run() {
      const edge = fakeEdge([
        page(lines(1, 2), 2),
        json(200, BATCH, { "poll-after-ms": "1000" }),
        page("", 2),
        dropped(),
        json(200, BATCH, { "poll-after-ms": "2000" }),
        page(lines(3, 5_002), 5_002),
        page(lines(5_003, 5_003), 5_003),
        json(200, { ...BATCH, done: true }),
        page(lines(5_004, 5_004), 5_004, true),
      ])
      equal(await numbersOf(edge.client().batch("bat_1")), range(1, 5_004))
      equal(
        edge.requests.flatMap(({ url }) => new URL(url).searchParams.get("after") ?? []),
        ["0", "2", "2", "5002", "5003"],
      )
      equal(edge.slept, [975, 100, 1_950])
    },
  },
  {
    name: "rows() goes on behind the row that was seen last, and ends with the signal's reason",
    async run() {
      const edge = fakeEdge([page(lines(8, 9), 9, true)])
      equal(await numbersOf(edge.client().batch("bat_1"), { after: 7 }), [8, 9])
      const controller = new AbortController()
      const aborted = fakeEdge([page("", 0), json(200, BATCH)])
      const sleep = async () => controller.abort("enough")
      const reading = numbersOf(aborted.client({ sleep }).batch("bat_1"), { signal: controller.signal })
      equal(await reading.catch((reason: unknown) => reason), "enough")
    },
  },
]

const accepted = () => json(202, BATCH, { "poll-after-ms": "700" })

function page(body: BodyInit, nextAfter: number, isComplete = false): Response {
  return new Response(body, { headers: { "next-after": String(nextAfter), "results-complete": String(isComplete) } })
}

const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => first + i)

const lines = (first: number, last: number) =>
  range(first, last)
    .map((row) => `${JSON.stringify({ row, input: {}, results: [] } satisfies BatchRow)}\n`)
    .join("")

async function numbersOf(batch: Batch, options: { after?: number; signal?: AbortSignal } = {}): Promise<number[]> {
  const numbers: number[] = []
  for await (const { row } of batch.rows(options)) numbers.push(row)
  return numbers
}
