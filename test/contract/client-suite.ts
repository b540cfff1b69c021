import { Claimcheck, Ticket } from "../../src/lib/client/claimcheck.ts"
import {
  type Answer,
  cutShort,
  dropped,
  fakeEdge,
  html,
  json,
  notModified,
  PICTURE,
  problem,
  queued,
  type Seen,
  silent,
  succeeded,
  TICKET,
} from "./client-fake-edge.ts"
import { clientSuiteOfBatches } from "./client-suite-batches.ts"
import { equal, failure, ok, seeded, textOf, thrownBy } from "./client-suite-check.ts"

const HOUR_MS = 3_600_000

/**
 * The client's promises as plain functions: web standards alone, so that Node, workerd, Deno and a page in Chromium can run
 * them, each with what it has of a test runner. A case that throws has failed.
 */
export const clientSuite: readonly { name: string; run: () => Promise<void> }[] = [
  {
    name: "submit() uploads the bytes with the options and gives the ticket",
    async run() {
      const edge = fakeEdge([queued()])
      const ticket = await edge
        .client({ key: "a-key" })
        .submit(PICTURE, { model: "m", topK: 3, deadlineMs: 9, noCache: true })
      equal(ticket.id, "cls_1")
      equal(ticket.latest?.status, "queued")
      const [{ method, url, headers, body }] = edge.requests as [Seen]
      equal([method, url], ["POST", "http://edge.test/v1/classifications?model=m&top_k=3&deadline_ms=9"])
      equal(headers.get("authorization"), "Bearer a-key")
      equal(headers.get("cache-control"), "no-cache")
      equal(headers.get("content-type"), "application/octet-stream")
      equal(body, [...PICTURE])
    },
  },
  {
    name: "submit() asks for a threshold, scores and a language, and for an operation with its options",
    async run() {
      const edge = fakeEdge([queued(), queued()])
      await edge.client().submit(PICTURE, { threshold: 0, output: "scores", lang: "de" })
      await edge.client().submit(PICTURE, { operation: "compress", options: { quality: 50 } })
      equal(
        edge.requests.map(({ url }) => url.split("?")[1]),
        ["threshold=0&output=scores&lang=de", "quality=50&operation=compress"],
      )
    },
  },
  {
    name: "submit() names a picture's URL to the edge, with the same options and under one idempotency key",
    async run() {
      const edge = fakeEdge([dropped(), queued(), queued()])
      await edge.client().submit({ imageUrl: "https://example.com/a.jpg?b=c" }, { topK: 3 })
      await edge.client().submit({ imageUrl: new URL("https://example.com/b.jpg") })
      const [first, repeated, second] = edge.requests as [Seen, Seen, Seen]
      equal(first.url, "http://edge.test/v1/classifications?top_k=3")
      equal(first.headers.get("content-type"), "application/json")
      equal(textOf(first), '{"image_url":"https://example.com/a.jpg?b=c"}')
      equal(textOf(repeated), textOf(first))
      equal(repeated.headers.get("idempotency-key"), first.headers.get("idempotency-key"))
      equal(textOf(second), '{"image_url":"https://example.com/b.jpg"}')
    },
  },
  {
    name: "classify() waits for the answer to a picture that is named by its URL",
    async run() {
      const edge = fakeEdge([queued(), succeeded()])
      const { predictions } = await edge.client().classify({ imageUrl: "https://example.com/a.jpg" })
      equal(predictions?.[0]?.label, "castle")
    },
  },
  {
    name: "submit() takes a URL as it is, as a URL object and as imageUrl, and a data: URL",
    async run() {
      const edge = fakeEdge([queued(), queued(), queued(), queued()])
      const client = edge.client()
      await client.submit("https://example.com/a.jpg")
      await client.submit(new URL("https://example.com/a.jpg"))
      await client.submit({ imageUrl: "https://example.com/a.jpg" })
      await client.submit("data:image/png;base64,iVBORw0K")
      const named = '{"image_url":"https://example.com/a.jpg"}'
      equal(edge.requests.map(textOf), [named, named, named, '{"image":"data:image/png;base64,iVBORw0K"}'])
    },
  },
  {
    name: "submit() and classify() refuse the name of a file and anything else that is no picture, and say what to pass",
    async run() {
      const edge = fakeEdge([])
      for (const image of [
        "file.jpg",
        "",
        "/tmp/a.jpg",
        null,
        undefined,
        7,
        {},
        new Response(),
        { url: "https://a.example/1" },
        { path: "a.jpg" },
      ]) {
        for (const call of ["submit", "classify"] as const) {
          const thrown = await edge
            .client()
            [call](image as unknown as Blob)
            .catch((error: unknown) => error)
          ok(thrown instanceof TypeError && /a Blob or File.*URL/.test(thrown.message), String(thrown))
        }
      }
      equal(edge.requests.length, 0)
    },
  },
  {
    name: "an option that there is not is refused, and the one that was meant is named",
    async run() {
      const edge = fakeEdge([])
      const client = edge.client()
      const thrown = [
        await client.submit(PICTURE, { top_k: 3 } as object).catch((error: unknown) => error),
        await client.classify(PICTURE, { timeout: 5 } as object).catch((error: unknown) => error),
        await client
          .ticket("cls_1")
          .result({ timeoutms: 5 } as object)
          .catch((error: unknown) => error),
        thrownBy(() => new Claimcheck({ url: "http://edge.test", apiKey: "k" } as { url: string })),
        thrownBy(() => new Claimcheck("http://edge.test" as never)),
        thrownBy(() => new (Claimcheck as unknown as new () => Claimcheck)()),
      ]
      ok(
        thrown.every((error) => error instanceof TypeError),
        String(thrown),
      )
      equal(
        thrown.map((error) => (error as Error).message.slice(0, 58)),
        [
          'There is no option "top_k": it is called topK',
          'There is no option "timeout": the options are operation, options'.slice(0, 58),
          'There is no option "timeoutms": it is called timeoutMs',
          'There is no option "apiKey": the options are url, key, tryTimeoutMs'.slice(0, 58),
          "Cannot make a client: pass an object with its url, { url: ".slice(0, 58),
          "Cannot make a client: pass an object with its url, { url: ".slice(0, 58),
        ],
      )
      equal(edge.requests.length, 0)
    },
  },
  {
    name: "submit() with shrink sends a smaller copy of what is too large, says so, and leaves what is not as it is",
    async run() {
      const edge = fakeEdge([
        queued(),
        problem(413, "image_too_large"),
        queued(),
        queued(),
        problem(422, "unknown_model"),
      ])
      const said: unknown[] = []
      const copies: number[] = []
      const options = {
        shrink: async (picture: Blob) => {
          copies.push(picture.size)
          return new Blob([new Uint8Array(3)], { type: "image/jpeg" })
        },
        onShrink: (copy: unknown) => void said.push(copy),
      }
      const client = edge.client()
      await client.submit(PICTURE, options)
      await client.submit(PICTURE, options)
      await client.submit(new Blob([new Uint8Array(8_000_001)]), options)
      equal((await failure(client.submit(PICTURE, options))).code, "unknown_model")
      equal(
        edge.requests.map(({ body, headers }) => [body.length, headers.get("content-type")]),
        [
          [7, "application/octet-stream"],
          [7, "application/octet-stream"],
          [3, "image/jpeg"],
          [3, "image/jpeg"],
          [7, "application/octet-stream"],
        ],
      )
      equal(copies, [7, 8_000_001])
      equal(said, [
        { bytes: 7, sentBytes: 3 },
        { bytes: 8_000_001, sentBytes: 3 },
      ])
    },
  },
  {
    name: "submit() with shrink passes the refusal on for what cannot be made smaller, and says where there is no canvas",
    async run() {
      const refusals = () => fakeEdge([problem(413, "image_too_large")])
      const broken = async () => {
        throw new Error("The picture cannot be decoded")
      }
      equal((await failure(refusals().client().submit(PICTURE, { shrink: broken }))).code, "image_too_large")
      const { code } = await failure(refusals().client().submit(PICTURE, { shrink: true }))
      equal(code, typeof OffscreenCanvas === "undefined" ? "cannot_shrink" : "image_too_large")
      const edge = fakeEdge([])
      const thrown = await edge
        .client()
        .submit(PICTURE, { operation: "inspect", shrink: true })
        .catch((error: unknown) => error)
      ok(thrown instanceof TypeError, String(thrown))
    },
  },
  {
    name: "an address where nobody listens is given up at once; an edge that has answered before is waited for",
    async run() {
      for (const [code, tries] of [
        ["ECONNREFUSED", 1],
        ["ENOTFOUND", 1],
        ["ECONNRESET", 24],
      ] as const) {
        const refused = () => {
          throw new TypeError("fetch failed", { cause: Object.assign(new Error(""), { code }) })
        }
        const edge = fakeEdge(Array.from({ length: 24 }, () => refused))
        const error = await failure(edge.client().submit(PICTURE))
        equal([error.code, edge.requests.length], ["network", tries])
      }
      const refused = () => {
        throw new TypeError("fetch failed", { cause: Object.assign(new Error(""), { code: "ECONNREFUSED" }) })
      }
      const edge = fakeEdge([queued(), refused, refused, succeeded()])
      equal((await edge.client().classify(PICTURE)).status, "succeeded")
    },
  },
  {
    name: "retries says how often a request is sent again",
    async run() {
      for (const retries of [0, 2]) {
        const edge = fakeEdge(Array.from({ length: 9 }, dropped))
        await failure(edge.client({ retries }).submit(PICTURE))
        equal(edge.requests.length, retries + 1)
      }
      ok(thrownBy(() => new Claimcheck({ url: "http://edge.test", retries: -1 })) instanceof TypeError, "no -1")
    },
  },
  {
    name: "submit() sends a blob under its own type",
    async run() {
      const edge = fakeEdge([queued()])
      await edge.client().submit(new Blob([PICTURE], { type: "image/png" }))
      equal(edge.requests[0]?.headers.get("content-type"), "image/png")
      equal(edge.requests[0]?.body, [...PICTURE])
    },
  },
  {
    name: "submit() repeats what may be repeated, with one idempotency key and all of the bytes",
    async run() {
      const edge = fakeEdge([
        problem(500, "internal"),
        problem(429, "caller_queue_full", { "retry-after": "3" }),
        dropped(),
        html(502),
        html(200),
        json(200, { hello: "world" }),
        cutShort(),
        queued(),
      ])
      equal((await edge.client().submit(PICTURE)).id, "cls_1")
      equal(edge.requests.length, 8)
      const keys = new Set(edge.requests.map(({ headers }) => headers.get("idempotency-key")))
      equal(keys.size, 1)
      ok([...keys][0]?.length === 32, "a key of 128 bits")
      for (const { body } of edge.requests) equal(body, [...PICTURE])
      // Full jitter at its middle, but never before Retry-After.
      equal(edge.slept, [100, 3_000, 400, 800, 1_600, 3_200, 5_000])
    },
  },
  {
    name: "submit() takes the key that it is given, and makes another for every call",
    async run() {
      const edge = fakeEdge([queued(), queued(), queued()])
      const client = edge.client()
      await client.submit(PICTURE, { idempotencyKey: "mine" })
      await client.submit(PICTURE)
      await client.submit(PICTURE)
      const keys = edge.requests.map(({ headers }) => headers.get("idempotency-key"))
      equal(keys[0], "mine")
      ok(keys[1] !== keys[2], "two keys")
    },
  },
  {
    name: "submit() ends at once with the problem's code when nothing will change",
    async run() {
      const edge = fakeEdge([problem(413, "image_too_large")])
      const error = await failure(edge.client().submit(PICTURE))
      equal([error.code, error.status, error.message], ["image_too_large", 413, "The detail of image_too_large"])
      equal(edge.requests.length, 1)
    },
  },
  {
    name: "submit() reads a refusal that is not ours",
    async run() {
      const error = await failure(
        fakeEdge([html(403)])
          .client()
          .submit(PICTURE),
      )
      equal([error.code, error.status], ["http_403", 403])
      ok(/status 403 is not from a claimcheck edge/.test(error.message), error.message)
    },
  },
  {
    name: "submit() gives up an edge that stays away, after two minutes, and says why",
    async run() {
      const edge = fakeEdge(Array.from({ length: 99 }, dropped))
      const error = await failure(edge.client().submit(PICTURE))
      equal([error.code, error.status, edge.requests.length], ["network", undefined, 24])
      ok(error.cause instanceof TypeError, "the cause is kept")
      const waitedMs = edge.slept.reduce((sum, ms) => sum + ms, 0)
      ok(waitedMs > 60_000 && waitedMs < 180_000, `waited ${waitedMs} ms`)
    },
  },
  {
    name: "submit() leaves it to its caller whether to wait an hour",
    async run() {
      const edge = fakeEdge([problem(429, "rate_limited", { "retry-after": "3600" })])
      const error = await failure(edge.client().submit(PICTURE))
      equal([error.code, error.retryAfterMs, edge.requests.length], ["rate_limited", 3_600_000, 1])
    },
  },
  {
    name: "a request that is never answered is lost, and sent again",
    async run() {
      const edge = fakeEdge([silent(), queued()])
      equal((await edge.client({ tryTimeoutMs: 5 }).submit(PICTURE)).id, "cls_1")
      equal(edge.requests.length, 2)
    },
  },
  {
    name: "result() looks when the server says, or a twentieth sooner, and lets the edge hold it for a second",
    async run() {
      const edge = fakeEdge([
        queued({ "poll-after-ms": "700", "retry-after": "1" }),
        queued({ "poll-after-ms": "300" }),
        succeeded(),
      ])
      equal((await edge.client().classify(PICTURE)).predictions?.[0]?.label, "castle")
      equal(edge.slept, [682.5, 292.5])
      equal(
        edge.requests.map(({ headers }) => headers.get("prefer")),
        ["wait=1", "wait=1", "wait=1"],
      )
    },
  },
  {
    name: "result() reads the hint from the body, or Retry-After, where a page may not see the header",
    async run() {
      const edge = fakeEdge([queued({}, { poll_after_ms: 400 }), queued({ "retry-after": "2" }), succeeded()])
      await edge.client().classify(PICTURE)
      equal(edge.slept, [390, 1_950])
    },
  },
  {
    name: "result() falls back to exponential backoff with full jitter without a hint",
    async run() {
      const edge = fakeEdge([...Array.from({ length: 9 }, () => queued()), succeeded()])
      await edge.client().classify(PICTURE)
      equal(edge.slept, [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000])
    },
  },
  {
    name: "result() makes no busy loop of a hint of nothing, and looks once a minute at least",
    async run() {
      const edge = fakeEdge([queued({ "poll-after-ms": "0" }), queued({ "poll-after-ms": "9e99" }), succeeded()])
      await edge.client().classify(PICTURE)
      equal(edge.slept, [9.8, 58_500])
    },
  },
  {
    name: "result() does not wait again for a hint that is long past",
    async run() {
      const edge = fakeEdge([queued({ "poll-after-ms": "5000" }), succeeded()])
      const ticket = await edge.client().submit(PICTURE)
      edge.clock.ms += 60_000
      await ticket.result()
      equal(edge.slept, [9.8])
    },
  },
  {
    name: "result() is not held up by a clock that was set back",
    async run() {
      const edge = fakeEdge([queued({ "poll-after-ms": "100" }), succeeded()])
      const ticket = await edge.client().submit(PICTURE)
      edge.clock.ms -= 9 * HOUR_MS
      await ticket.result()
      equal(edge.slept, [58_500])
    },
  },
  {
    name: "result() sends the ETag with every poll, and keeps the ticket over a 304 with its new hint",
    async run() {
      const edge = fakeEdge([
        queued({ etag: 'W/"1"', "poll-after-ms": "100" }),
        notModified({ "poll-after-ms": "200" }),
        queued({ etag: 'W/"2"', "poll-after-ms": "300" }, { status: "processing" }),
        succeeded(),
      ])
      const updates: string[] = []
      await edge.client().classify(PICTURE, { onUpdate: ({ status }) => updates.push(status) })
      equal(
        edge.requests.map(({ headers }) => headers.get("if-none-match")),
        [null, 'W/"1"', 'W/"1"', 'W/"2"'],
      )
      equal(edge.slept, [97.5, 195, 292.5])
      equal(updates, ["processing", "succeeded"])
    },
  },
  {
    name: "result() asks nothing when the first answer is done",
    async run() {
      const edge = fakeEdge([succeeded()])
      equal((await edge.client().classify(PICTURE)).status, "succeeded")
      equal([edge.requests.length, edge.slept.length], [1, 0])
    },
  },
  {
    name: "result() loops on done alone: a status of the future hangs nobody",
    async run() {
      const edge = fakeEdge([
        queued(),
        queued({}, { status: "polishing" }),
        json(200, { ...TICKET, status: "archived", done: true }),
      ])
      const error = await failure(edge.client().classify(PICTURE))
      equal([error.code, error.ticket?.status], ["archived", "archived"])
    },
  },
  {
    name: "result() goes on after trouble on the way, and takes nothing for a ticket that is none",
    async run() {
      const edge = fakeEdge([
        queued(),
        dropped(),
        problem(503, "redis_unavailable", { "retry-after": "2" }),
        html(200),
        json(200, {}),
        json(200, [1]),
        cutShort(),
        succeeded(),
      ])
      equal((await edge.client().classify(PICTURE)).status, "succeeded")
      equal(edge.requests.length, 8)
    },
  },
  {
    name: "result() throws a failed job with its code and its ticket",
    async run() {
      const error = { code: "invalid_image", message: "The image is damaged" }
      const edge = fakeEdge([queued(), json(200, { ...TICKET, status: "failed", done: true, error })])
      const thrown = await failure(edge.client().classify(PICTURE))
      equal([thrown.code, thrown.message, thrown.ticket?.id], ["invalid_image", "The image is damaged", "cls_1"])
    },
  },
  {
    name: "result() ends with the signal's reason, in a wait and in a request, and asks no more",
    async run() {
      for (const when of ["waiting", "asking"]) {
        const controller = new AbortController()
        const reason = new Error(`enough of ${when}`)
        const edge = fakeEdge([
          queued(),
          when === "asking" ? silent(() => controller.abort(reason)) : queued(),
          succeeded(),
        ])
        const sleep = async () => {
          if (when === "waiting") controller.abort(reason)
        }
        const ticket = await edge.client({ sleep }).submit(PICTURE)
        const thrown = await ticket.result({ signal: controller.signal }).catch((error: unknown) => error)
        ok(thrown === reason, String(thrown))
        equal(edge.requests.length, when === "asking" ? 2 : 1)
      }
    },
  },
  {
    name: "submit() that is aborted ends with the signal's reason",
    async run() {
      const controller = new AbortController()
      const edge = fakeEdge([silent(() => controller.abort("enough")), queued()])
      const thrown = await edge
        .client()
        .submit(PICTURE, { signal: controller.signal })
        .catch((error: unknown) => error)
      equal([thrown, edge.requests.length], ["enough", 1])
    },
  },
  {
    name: "result() looks once more when time is up, then says timeout and keeps the ticket",
    async run() {
      const edge = fakeEdge(Array.from({ length: 9 }, () => queued({ "poll-after-ms": "3000" })))
      const ticket = await edge.client().submit(PICTURE)
      const error = await failure(ticket.result({ timeoutMs: 5_000 }))
      equal([error.code, error.ticket?.id], ["timeout", "cls_1"])
      equal([edge.clock.ms, edge.requests.length], [5_000, 3])
    },
  },
  {
    name: "a look whose time is up is not held by the edge; a time-out below 0 is refused",
    async run() {
      const edge = fakeEdge(Array.from({ length: 9 }, () => queued({ "poll-after-ms": "3000" })))
      const error = await failure(edge.client().classify(PICTURE, { timeoutMs: 3_500 }))
      equal(
        [error.code, edge.requests.map(({ headers }) => headers.get("prefer"))],
        ["timeout", ["wait=1", null, null]],
      )
      for (const timeoutMs of [-1, Number.NaN]) {
        const thrown = await edge
          .client()
          .classify(PICTURE, { timeoutMs })
          .catch((error: unknown) => error)
        ok(thrown instanceof TypeError && /timeoutMs/.test(thrown.message), String(thrown))
      }
    },
  },
  {
    name: "inspect(), compress() and resize() ask for their operation, and refuse an option that is another's",
    async run() {
      const edge = fakeEdge([succeeded(), succeeded(), queued(), succeeded()])
      const client = edge.client()
      await client.inspect(PICTURE, { sha256: true, webhookUrl: "" })
      await client.compress(PICTURE, { quality: 40, scale: undefined, deadlineMs: 9 })
      equal((await client.resize(PICTURE, { width: 64, format: "npy", timeoutMs: 9_000 })).status, "succeeded")
      equal(
        edge.requests.map(({ url }) => url.split("?")[1]),
        [
          "sha256=true&operation=inspect&webhook_url=",
          "quality=40&operation=compress&deadline_ms=9",
          "width=64&format=npy&operation=resize",
          undefined,
        ],
      )
      const thrown = [
        await client.compress(PICTURE, { width: 3 } as object).catch((error: unknown) => error),
        await client.inspect(PICTURE, { SHA256: true } as object).catch((error: unknown) => error),
        await client.resize(PICTURE, { model: "m" } as object).catch((error: unknown) => error),
      ]
      equal(
        thrown.map((error) => (error as Error).message.slice(0, 62)),
        [
          'There is no option "width": the options are quality, scale, format, '.slice(0, 62),
          'There is no option "SHA256": it is called sha256',
          'There is no option "model": the options are width, height, fit, '.slice(0, 62),
        ],
      )
      equal(edge.requests.length, 4)
    },
  },
  {
    name: "output() fetches a file again that came cut short, or from a proxy",
    async run() {
      const edge = fakeEdge([new Response("ma"), html(200), problem(503, "redis_unavailable"), new Response("made")])
      equal(await (await edge.client().output({ output: { url: "/v1/outputs/1", bytes: 4 } })).text(), "made")
      equal(edge.requests.length, 4)
    },
  },
  {
    name: "queue(), models() and get() read what the edge says of itself, and nothing that a proxy says",
    async run() {
      const edge = fakeEdge([
        json(200, {}),
        json(200, { depth: 3 }),
        html(200),
        json(200, { models: [] }),
        json(200, { a: 1 }),
      ])
      const client = edge.client({ key: "k" })
      equal((await client.queue()).depth, 3)
      equal((await client.models()).models, [])
      equal(await client.get("/v1/samples"), { a: 1 })
      equal(
        edge.requests.map(({ url }) => new URL(url).pathname),
        ["/v1/queue", "/v1/queue", "/v1/models", "/v1/models", "/v1/samples"],
      )
    },
  },
  {
    name: "a Retry-After beyond any timer is no busy loop, and an abort ends a wait between tries",
    async run() {
      const busy = fakeEdge([problem(429, "rate_limited", { "retry-after": "999999999" })])
      const error = await failure(busy.client().ticket("cls_1").refresh())
      equal([error.code, error.isTransient, busy.requests.length], ["rate_limited", true, 1])
      const controller = new AbortController()
      const edge = fakeEdge([problem(503, "redis_unavailable", { "retry-after": "60" }), queued()])
      const sleep = (_ms: number, signal?: AbortSignal) =>
        new Promise<void>((resolve) => {
          signal?.addEventListener("abort", () => resolve())
          controller.abort("enough")
        })
      const thrown = await edge
        .client({ sleep })
        .submit(PICTURE, { signal: controller.signal })
        .catch((reason: unknown) => reason)
      equal([thrown, edge.requests.length], ["enough", 1])
    },
  },
  {
    name: "output() fetches what was made with the key, and a bucket's link without it",
    async run() {
      const made = () => new Response("made", { headers: { "content-type": "image/webp" } })
      const edge = fakeEdge([made, made, problem(404, "not_found")])
      const client = edge.client({ key: "k" })
      const output = { content_type: "image/webp", bytes: 4, sha256: "" }
      const ticketWith = (url: string) => ({ id: "cls_1", done: true, output: { ...output, url } }) as never
      const blob = await client.output(ticketWith("https://public.test/v1/outputs/out_1"))
      equal([await blob.text(), blob.type], ["made", "image/webp"])
      await client.output(ticketWith("https://bucket.test/a.webp?signature=s"))
      equal((await failure(client.output(ticketWith("http://edge.test/v1/outputs/out_2")))).code, "not_found")
      equal(
        edge.requests.map(({ url, headers }) => [String(url), headers.get("authorization")]),
        [
          ["http://edge.test/v1/outputs/out_1", "Bearer k"],
          ["https://bucket.test/a.webp?signature=s", null],
          ["http://edge.test/v1/outputs/out_2", "Bearer k"],
        ],
      )
    },
  },
  {
    name: "result() finds the answer after the clock has jumped hours past its time in a wait",
    async run() {
      const edge = fakeEdge([queued(), succeeded()])
      const sleep = async () => {
        edge.clock.ms += 9 * HOUR_MS
      }
      equal((await edge.client({ sleep }).classify(PICTURE, { timeoutMs: 5_000 })).status, "succeeded")
    },
  },
  {
    name: "result() finds the answer after the clock has jumped hours in a request that broke",
    async run() {
      const asleep = () => {
        edge.clock.ms += 9 * HOUR_MS
        throw new TypeError("fetch failed")
      }
      // Awake again, the network needs two more tries.
      const edge = fakeEdge([queued(), asleep, dropped(), dropped(), succeeded()])
      equal((await edge.client().classify(PICTURE, { timeoutMs: 5_000 })).status, "succeeded")
    },
  },
  {
    name: "classify() finds the answer after the clock has jumped hours in the upload",
    async run() {
      const asleep = () => {
        edge.clock.ms += 9 * HOUR_MS
        throw new TypeError("fetch failed")
      }
      const edge = fakeEdge([asleep, queued(), succeeded()])
      equal((await edge.client().classify(PICTURE, { timeoutMs: 5_000 })).status, "succeeded")
    },
  },
  {
    name: "result() with an edge that stays away ends soon after its time",
    async run() {
      const edge = fakeEdge([queued(), ...Array.from({ length: 99 }, dropped)])
      const error = await failure(edge.client().classify(PICTURE, { timeoutMs: 5_000 }))
      equal([error.code, error.ticket?.id], ["network", "cls_1"])
      ok(edge.clock.ms >= 5_000 && edge.clock.ms <= 11_000, `ended after ${edge.clock.ms} ms`)
    },
  },
  {
    name: "Ticket.from() resumes by the id alone, and looks at once",
    async run() {
      const edge = fakeEdge([queued({ "poll-after-ms": "100" }), succeeded()])
      const ticket = Ticket.from("cls_1", edge.options())
      equal([ticket.latest, edge.requests.length], [undefined, 0])
      equal((await ticket.result()).status, "succeeded")
      equal(edge.slept, [97.5])
      equal(
        edge.requests.map(({ method, url }) => `${method} ${url}`),
        ["GET http://edge.test/v1/classifications/cls_1", "GET http://edge.test/v1/classifications/cls_1"],
      )
    },
  },
  {
    name: "the URL of an output is whole, wherever it lies",
    async run() {
      for (const [url, whole] of [
        ["/v1/outputs/o1", "http://edge.test/v1/outputs/o1"],
        ["https://bucket.example/o1", "https://bucket.example/o1"],
      ]) {
        const edge = fakeEdge([json(200, { ...TICKET, status: "succeeded", done: true, output: { url, bytes: 1 } })])
        equal((await edge.client().ticket("cls_1").result()).output?.url, whole)
      }
    },
  },
  {
    name: "a ticket that is gone is not_found",
    async run() {
      const edge = fakeEdge([problem(404, "not_found")])
      equal((await failure(edge.client().ticket("cls_9").result())).code, "not_found")
    },
  },
  {
    name: "refresh() looks once, and a 304 nobody asked for is no ticket",
    async run() {
      const edge = fakeEdge([notModified({})])
      equal((await failure(edge.client().ticket("cls_1").refresh())).code, "bad_response")
    },
  },
  {
    name: "cancel() repeats a lost reply, and says when it came too late",
    async run() {
      const edge = fakeEdge([
        dropped(),
        json(200, { ...TICKET, status: "canceled", done: true }),
        problem(409, "already_finished"),
      ])
      const ticket = edge.client().ticket("cls_1")
      equal((await ticket.cancel()).status, "canceled")
      equal(edge.requests[0]?.method, "DELETE")
      equal((await failure(ticket.cancel())).code, "already_finished")
    },
  },
  {
    name: "retry() gives a ticket of its own, one for a lost reply too, and says when the image is gone",
    async run() {
      const edge = fakeEdge([
        dropped(),
        queued({}, { id: "cls_2", retry_of: "cls_1" }),
        json(200, { ...TICKET, id: "cls_2", status: "succeeded", done: true }),
        problem(410, "payload_expired"),
      ])
      const ticket = edge.client().ticket("cls_1")
      const anew = await ticket.retry()
      equal([anew.id, anew.latest?.retry_of, ticket.latest], ["cls_2", "cls_1", undefined])
      const [lost, sent] = edge.requests
      equal([sent?.method, sent?.url], ["POST", "http://edge.test/v1/classifications/cls_1/retry"])
      equal(sent?.headers.get("idempotency-key"), lost?.headers.get("idempotency-key"))
      equal(sent?.headers.get("idempotency-key")?.length, 32)
      equal((await anew.result()).status, "succeeded")
      equal((await failure(ticket.retry({ idempotencyKey: "mine" }))).code, "payload_expired")
      equal(edge.requests[3]?.headers.get("idempotency-key"), "mine")
    },
  },
  {
    name: "new Claimcheck() refuses an address or a key that cannot work, without repeating the key",
    async run() {
      for (const url of ["localhost:8787", "ftp://edge.test", "http://", "edge"]) {
        const error = thrownBy(() => new Claimcheck({ url }))
        ok(error instanceof TypeError, `${url} is refused`)
      }
      const error = thrownBy(() => new Claimcheck({ url: "http://edge.test", key: "secret\n" }))
      ok(error instanceof TypeError && !error.message.includes("secret"), String(error))
    },
  },
  {
    name: "whatever happens on the way, the answer is the right one",
    async run() {
      for (let seed = 1; seed <= 200; seed++) {
        const random = seeded(seed)
        const faults = [dropped, cutShort, () => html(502), () => html(200), () => problem(500, "internal")]
        const script: Answer[] = []
        for (const good of [queued(), queued({}, { status: "processing" }), notModified({}), succeeded()]) {
          for (let bad = Math.floor(random() * 8); bad > 0; bad--) {
            script.push((faults[Math.floor(random() * faults.length)] as () => Answer)())
          }
          script.push(good)
        }
        const answers = script.length
        const edge = fakeEdge(script)
        const { predictions } = await edge.client({ random }).classify(PICTURE)
        equal(predictions?.[0]?.label, "castle")
        equal(edge.requests.length, answers)
      }
    },
  },
  ...clientSuiteOfBatches,
]
