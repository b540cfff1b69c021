import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type BatchTicket, batchTicketSchema } from "../../../src/lib/batches/batch-ticket.ts"
import {
  ALICE,
  type Backend,
  BOB,
  type EdgeRuntime,
  edgeEnv,
  type RunningEdge,
} from "../../support/edge/edge-runtime.ts"
import { BatchWorker, inspected } from "../../support/store/batch-worker.ts"

const QUEUE = "@inspect@url"
const MAX_ROWS = 2_000

/** What the edge promises of batches. */
export function batchContract(name: string, runtime: EdgeRuntime): void {
  describe(`batches ${name}`, () => {
    let backend: Backend
    let edge: RunningEdge
    let worker: BatchWorker
    beforeAll(async () => {
      backend = await runtime.startBackend()
      worker = new BatchWorker(backend)
      edge = await runtime.openEdge(
        await edgeEnv(backend, { MAX_BATCH_ROWS: String(MAX_ROWS), MAX_BATCH_BYTES: "20000000" }),
      )
    })
    afterAll(async () => {
      await edge?.close()
      await backend?.stop()
    })

    const post = (
      list: BodyInit,
      { query = "operation=inspect", headers = {} }: { query?: string; headers?: HeadersInit } = {},
    ) =>
      edge.request(`/v1/batches?${query}`, {
        method: "POST",
        body: list,
        headers: { "content-type": "text/csv", ...headers },
      })
    const accept = async (list: BodyInit, options?: Parameters<typeof post>[1]): Promise<BatchTicket> => {
      const response = await post(list, options)
      const body = await response.json()
      expect(response.status, JSON.stringify(body)).toBe(202)
      expect(response.headers.get("location")).toBe(`/v1/batches/${(body as BatchTicket).id}`)
      return batchTicketSchema.parse(body)
    }
    const refuse = async (list: BodyInit, options?: Parameters<typeof post>[1]) => {
      const response = await post(list, options)
      const body = (await response.json()) as { code: string; detail: string; invalid_rows?: number; rows?: unknown[] }
      return { status: response.status, ...body }
    }
    const read = async (id: string) => batchTicketSchema.parse(await (await edge.request(`/v1/batches/${id}`)).json())
    const results = async (id: string, query = "format=csv") => {
      const response = await edge.request(`/v1/batches/${id}/results?${query}`)
      expect(response.status).toBe(200)
      return {
        text: await response.text(),
        next: Number(response.headers.get("next-after")),
        isComplete: response.headers.get("results-complete") === "true",
        link: response.headers.get("link"),
      }
    }

    it("every row comes back with its own columns, its results joined as its URLs were, in the order of the list", async () => {
      const list = [
        "S.No,Product Name,Input Image URLs",
        '1,=cmd(),"https://a.example/1.jpg, https://a.example/2.jpg"',
        '2,"SKU, ""two""",https://a.example/1.jpg',
        "3,-5,https://a.example/broken.jpg",
      ].join("\n")
      const ticket = await accept(list)
      expect(ticket).toMatchObject({
        status: "queued",
        done: false,
        rows: { total: 3 },
        pictures: { total: 3, queued: 3 },
      })
      await worker.work(QUEUE)
      expect(await read(ticket.id)).toMatchObject({
        status: "succeeded",
        done: true,
        pictures: { total: 3, done: 3, succeeded: 2, failed: 1 },
        failures: [{ row: 3, url: "https://a.example/broken.jpg", code: "invalid_image" }],
      })
      const { text, isComplete } = await results(ticket.id)
      const zeros = "0".repeat(64)
      expect(text.split("\r\n")).toEqual([
        "S.No,Product Name,Input Image URLs,status,format,width,height,bytes,frames,orientation,sha256,error",
        `1,'=cmd(),"https://a.example/1.jpg, https://a.example/2.jpg","succeeded, succeeded","jpeg, jpeg","40, 40","30, 30","23, 23",,"1, 1","${zeros}, ${zeros}",`,
        `2,"SKU, ""two""",https://a.example/1.jpg,succeeded,jpeg,40,30,23,,1,${zeros},`,
        `3,-5,https://a.example/broken.jpg,failed,,,,,,,,"invalid_image: =It is, damaged"`,
        "",
      ])
      expect(isComplete).toBe(true)
      const lines = (await results(ticket.id, "format=jsonl")).text
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line))
      expect(lines.map(({ row, input }) => [row, input["S.No"]])).toEqual([
        [1, "1"],
        [2, "2"],
        [3, "3"],
      ])
      expect(lines[0].results).toMatchObject([
        { url: "https://a.example/1.jpg", status: "succeeded", image: { width: 40 } },
        { status: "succeeded" },
      ])
      expect((await results(ticket.id, "format=tsv")).text).toContain(
        "1\t'=cmd()\thttps://a.example/1.jpg, https://a.example/2.jpg\t",
      )
    })

    it("rows that are done can be read before the others are, and pages put together are the whole", async () => {
      const urls = Array.from({ length: 30 }, (_none, i) => `https://a.example/${i}`)
      const ticket = await accept(["url", ...urls].join("\n"), { query: "operation=inspect&batch_size=10" })
      await worker.feed()
      await worker.answer(QUEUE, (job) => ({ state: "failed", error: { code: "invalid_image", message: job.id } }), 4)
      const early = await results(ticket.id)
      expect(early).toMatchObject({ next: 4, isComplete: false })
      expect(early.link).toContain("after=4")
      await worker.work(QUEUE)
      let text = early.text
      for (let page = early; !page.isComplete; ) {
        page = await results(ticket.id, `format=csv&limit=7&after=${page.next}`)
        text += page.text
      }
      expect(text).toBe((await results(ticket.id)).text)
      expect(
        text
          .trim()
          .split("\r\n")
          .slice(1)
          .map((line) => line.split(",")[0]),
      ).toEqual(urls)
    })

    it("retries the failed rows as a new batch, with their columns and images; the old one stays as it was", async () => {
      const list =
        "id,url,note\n1,https://example.com/a.jpg,x\n2,https://example.com/broken.jpg,y\n" +
        '3,"https://example.com/a.jpg;https://example.com/broken.jpg",z\n4,not a url,w\n'
      const old = await accept(list, { query: "operation=inspect&on_invalid=skip&batch_size=7" })
      const retry = (id: string, headers: HeadersInit = {}) =>
        edge.request(`/v1/batches/${id}/retry`, { method: "POST", headers })
      expect(await (await retry(old.id)).json()).toMatchObject({ status: 409, code: "not_finished" })
      await worker.work(QUEUE)
      const before = [await read(old.id), (await results(old.id)).text]
      const key = { "idempotency-key": `retry of ${old.id}` }
      const response = await retry(old.id, key)
      expect(response.status).toBe(202)
      const anew = batchTicketSchema.strict().parse(await response.json())
      expect(response.headers.get("location")).toBe(`/v1/batches/${anew.id}`)
      expect(anew).toMatchObject({ retry_of: old.id, operation: "inspect", batch_size: 7 })
      expect(anew).toMatchObject({ rows: { total: 2, skipped: 0 }, pictures: { total: 2 } })
      expect(await (await retry(old.id, key)).json()).toMatchObject({ id: anew.id })
      await worker.work(QUEUE, (job) =>
        inspected({ ...job, input: { ...job.input, source: { kind: "url", url: "https://mended" } } }),
      )
      const rows = (await results(anew.id)).text.trim().split("\r\n")
      expect(rows.map((row) => row.split(",")[0])).toEqual(["id", "2", "3"])
      expect(rows[1]).toMatch(/^2,https:\/\/example\.com\/broken\.jpg,y,succeeded,/)
      expect(rows[2]).toMatch(
        /^3,https:\/\/example\.com\/a\.jpg;https:\/\/example\.com\/broken\.jpg,z,succeeded;succeeded,/,
      )
      expect([await read(old.id), (await results(old.id)).text]).toEqual(before)
      expect(await (await retry(anew.id)).json()).toMatchObject({ status: 409, code: "already_finished" })
    })

    it("retries the rows of a canceled batch that were not done, those that had not begun too", async () => {
      const urls = Array.from({ length: 12 }, (_row, i) => `https://example.com/${i}.jpg`)
      const old = await accept(["url", ...urls].join("\n"), { query: "operation=inspect&batch_size=4" })
      await worker.feed()
      await worker.answer(QUEUE, inspected, 2)
      await edge.request(`/v1/batches/${old.id}`, { method: "DELETE" })
      const response = await edge.request(`/v1/batches/${old.id}/retry`, { method: "POST" })
      expect(await response.json()).toMatchObject({ rows: { total: 10 }, pictures: { total: 10 } })
      await worker.work(QUEUE)
    })

    it("refuses a list without a column of URLs with the names of its columns, each of which url_column takes", async () => {
      const list = "Ort-1,Ort 1,Bild\n1,https://a.example/b,2"
      const refused = await refuse(list)
      expect(refused).toMatchObject({ status: 400, code: "invalid_list", columns: ["Ort-1", "Ort 1", "Bild"] })
      const query = "operation=inspect&url_column=Ort%201"
      expect(await accept(list, { query })).toMatchObject({ pictures: { total: 1 } })
      expect(await refuse('{"Bild":"x"}', { headers: { "content-type": "application/jsonl" } })).toMatchObject({
        columns: ["Bild"],
      })
    })

    it("refuses a list for its rows, and says which, where and why; on_invalid=skip takes the rest", async () => {
      const bad = ["ftp://a.example/x", "javascript:alert(1)", "https://u:p@a.example", "", "nonsense", "https://a b"]
      const list = ["id,url,name", "0,https://a.example/0,x", ...bad.map((url, i) => `${i + 1},"${url}",x`)].join("\n")
      const refused = await refuse(list)
      expect(refused).toMatchObject({ status: 400, code: "invalid_rows", invalid_rows: 6 })
      expect(refused.rows?.[0]).toEqual({
        row: 2,
        line: 3,
        column: "url",
        value: "ftp://a.example/x",
        reason: "is not an https or http URL",
      })
      const ticket = await accept(list, { query: "operation=inspect&on_invalid=skip" })
      expect(ticket).toMatchObject({ rows: { total: 7, skipped: 6 }, pictures: { total: 1 } })
      await worker.work(QUEUE)
      const rows = (await results(ticket.id)).text.trim().split("\r\n").slice(1)
      expect(rows.map((row) => row.split(",")[0])).toEqual(["0", "1", "2", "3", "4", "5", "6"])
      expect(rows[1]).toMatch(/failed,.*invalid_rows: url is not an https or http URL$/)
      const many = await refuse(["url", ...Array(150).fill("no")].join("\n"))
      expect(many).toMatchObject({ invalid_rows: 150 })
      expect(many.rows).toHaveLength(100)
      expect(await refuse("url\nno", { query: "operation=inspect&on_invalid=skip" })).toMatchObject({
        code: "invalid_rows",
        detail: "Cannot accept the list: a row of it cannot be taken, and there are no others",
      })
    })

    it("what is refused leaves nothing behind", async () => {
      const before = await worker.keysLike(worker.keys.prefix)
      const long = [
        "url",
        ...Array.from({ length: MAX_ROWS + 1 }, (_none, i) => `https://a.example/${"x".repeat(60)}/${i}`),
      ].join("\n")
      const hostile: [BodyInit, number, string][] = [
        [long, 413, "list_too_large"],
        [`url\n"https://a.example/${"\nhttps://a.example/".repeat(2_000)}`, 400, "invalid_list"],
        [`url,note\nhttps://a.example,"${"x".repeat(10_000_000)}"`, 400, "invalid_list"],
        ["", 400, "invalid_list"],
        ["url", 400, "invalid_list"],
        ["name\ncat", 400, "invalid_list"],
        [new Uint8Array([0xff, 0xfe, 0x00]), 400, "invalid_list"],
        [new Uint8Array([0x75, 0x00, 0x72, 0x00]), 400, "invalid_list"],
      ]
      for (const [list, status, code] of hostile) expect(await refuse(list)).toMatchObject({ status, code })
      expect(await refuse("url\nhttps://a.example", { query: "operation=fly" })).toMatchObject({ status: 422 })
      expect(await refuse("url\nhttps://a.example", { query: "operation=inspect&top_k=3" })).toMatchObject({
        status: 422,
      })
      expect(await refuse("url\nhttps://a.example", { query: "operation=inspect&batch_size=0" })).toMatchObject({
        status: 422,
      })
      expect(await refuse("url\nhttps://a.example", { query: "model=nobody" })).toMatchObject({ code: "unknown_model" })
      expect(
        (await worker.keysLike(worker.keys.prefix)).filter(
          (key) => !before.includes(key) && !/registry|ratelimit/.test(key),
        ),
      ).toEqual([])
    })

    it("a million rows are refused while they stream", async () => {
      const piece = new TextEncoder().encode("https://a.example/picture.jpg?number=12345678\n".repeat(2_000))
      let pieces = 500
      const body = new ReadableStream<Uint8Array>({
        pull(controller) {
          if (pieces-- === 0) controller.close()
          else controller.enqueue(piece)
        },
      })
      const response = await edge.request("/v1/batches?operation=inspect", {
        method: "POST",
        body,
        duplex: "half",
      } as RequestInit)
      expect(response.status).toBe(413)
      expect(await response.json()).toMatchObject({ code: "list_too_large" })
    })

    it("reads UTF-16, byte order marks and mixed line ends, and gives a mark back to who sent one", async () => {
      const text = "\uFEFFname,url\r\nkäse,https://a.example/1\rwurst,https://a.example/2\n"
      const utf16 = new Uint8Array(text.length * 2)
      for (let i = 0; i < text.length; i++) new DataView(utf16.buffer).setUint16(2 * i, text.charCodeAt(i), true)
      const ticket = await accept(utf16)
      await worker.work(QUEUE)
      const response = await edge.request(`/v1/batches/${ticket.id}/results`)
      const bytes = new Uint8Array(await response.arrayBuffer())
      expect([...bytes.slice(0, 3)]).toEqual([0xef, 0xbb, 0xbf])
      expect(
        new TextDecoder()
          .decode(bytes)
          .split("\r\n")
          .slice(1, 3)
          .map((line) => line.split(",")[0]),
      ).toEqual(["käse", "wurst"])
    })

    it("takes the file of a form, with its fields as options, and JSON in both shapes", async () => {
      const form = new FormData()
      form.set("operation", "inspect")
      form.set("file", new Blob(["id\turl\n7\thttps://a.example/7"], { type: "text/tab-separated-values" }), "list.tsv")
      const response = await edge.request("/v1/batches", { method: "POST", body: form })
      expect(response.status).toBe(202)
      expect(await response.json()).toMatchObject({ operation: "inspect", rows: { total: 1 } })
      const json = { "content-type": "application/json" }
      expect(await accept('["https://a.example/1","https://a.example/2"]', { headers: json })).toMatchObject({
        rows: { total: 2 },
      })
      const lines = '{"id":1,"image_url":"https://a.example/1"}\n{"id":2,"image_url":"https://a.example/2","x":null}'
      const ticket = await accept(lines, { headers: { "content-type": "application/jsonl" } })
      await worker.work(QUEUE)
      expect((await results(ticket.id)).text.split("\r\n")[0]).toMatch(/^id,image_url,x,status/)
    })

    it("a list whose line ends curl -d took out is refused, not read as one row; JSON after -d is taken", async () => {
      const headers = { "content-type": "application/x-www-form-urlencoded" }
      expect(await refuse("urlhttps://a.example/1https://a.example/2", { headers })).toMatchObject({
        status: 400,
        code: "bad_request",
        detail: expect.stringMatching(/^Cannot read the list: .*use --data-binary @FILE/),
      })
      expect(await accept('["https://a.example/1"]', { headers })).toMatchObject({ rows: { total: 1 } })
    })

    it("shows how a batch's webhook fares to who may read the batch, and sends it again", async () => {
      const headers = { authorization: `Bearer ${ALICE}` }
      const webhook_url = "https://example.com/hook"
      const query = new URLSearchParams({ operation: "inspect", webhook_url }).toString()
      const { id } = await accept("url\nhttps://a.example/told", { query, headers })
      const path = `/v1/batches/${id}/deliveries`
      const early = await edge.request(path, { headers })
      expect(await early.json()).toEqual({ url: webhook_url, deliveries: [] })
      expect((await edge.request(path, { method: "POST", headers })).status).toBe(409)
      await edge.request(`/v1/batches/${id}`, { method: "DELETE", headers })
      const told = [{ type: "batch.canceled", state: "pending" }]
      expect(await (await edge.request(path, { headers })).json()).toMatchObject({ deliveries: told })
      const again = await edge.request(path, { method: "POST", headers })
      expect(again.status).toBe(202)
      expect(await again.json()).toMatchObject({ url: webhook_url, deliveries: told })
      const others = { authorization: `Bearer ${BOB}` }
      const silent = await accept("url\nhttps://a.example/silent")
      for (const method of ["GET", "POST"]) {
        expect((await edge.request(path, { method, headers: others })).status).toBe(404)
        expect((await edge.request(`/v1/classifications/${id}/deliveries`, { method, headers })).status).toBe(404)
        expect((await edge.request(`/v1/batches/${silent.id}/deliveries`, { method })).status).toBe(404)
      }
      await edge.request(`/v1/batches/${silent.id}`, { method: "DELETE" })
    })

    it("takes the options of its operation; an output's format is output_format, since format is the list's", async () => {
      const list = "url\nhttps://a.example/options"
      const ticket = await accept(list, { query: "operation=compress&output_format=webp&format=csv" })
      expect(ticket).toMatchObject({ notice: expect.stringMatching(/^No classifier serves compress now/) })
      expect((await edge.request(`/v1/batches/${ticket.id}`, { method: "DELETE" })).status).toBe(200)
      // No classifier has a model here.
      const scores = { query: "top_k=3&threshold=0.5&output=scores" }
      expect(await refuse(list, scores)).toMatchObject({ code: "unknown_model" })
      expect(await refuse(list, { query: "top_k=0" })).toMatchObject({ detail: expect.stringContaining("top_k: must") })
      expect(await refuse(list, { query: "operation=compress&output_format=png" })).toMatchObject({
        code: "invalid_options",
        detail: expect.stringContaining("output_format: must be jpeg, webp or avif"),
      })
      expect(await refuse(list, { query: "operation=compress&top_k=3" })).toMatchObject({
        detail: expect.stringContaining('"top_k" is no option of compress, which takes quality, scale, output_format'),
      })
    })

    it("the same Idempotency-Key is the same batch; another list or other options under it are refused", async () => {
      const headers = { "idempotency-key": "once" }
      const list = "url\nhttps://a.example/1"
      const first = await accept(list, { headers })
      expect((await accept(list, { headers })).id).toBe(first.id)
      expect(await refuse(`${list}2`, { headers })).toMatchObject({ status: 422, code: "idempotency_mismatch" })
      expect(await refuse(list, { headers, query: "operation=inspect&on_invalid=skip" })).toMatchObject({
        code: "idempotency_mismatch",
      })
      await worker.work(QUEUE)
      expect(await read(first.id)).toMatchObject({ pictures: { total: 1, succeeded: 1 } })
    })

    it("an unchanged ticket is a 304, and DELETE cancels what is left", async () => {
      const list = ["url", ...Array.from({ length: 200 }, (_none, i) => `https://a.example/${i}`)].join("\n")
      const { id } = await accept(list, { query: "operation=inspect&batch_size=100" })
      await worker.feed()
      await worker.answer(QUEUE, () => ({ state: "failed", error: { code: "invalid_image", message: "x" } }), 3)
      const ticket = await edge.request(`/v1/batches/${id}`)
      const etag = ticket.headers.get("etag") ?? ""
      expect((await edge.request(`/v1/batches/${id}`, { headers: { "if-none-match": etag } })).status).toBe(304)
      const canceled = await edge.request(`/v1/batches/${id}`, { method: "DELETE" })
      expect(canceled.status).toBe(200)
      expect(await canceled.json()).toMatchObject({
        status: "canceled",
        done: true,
        pictures: { failed: 3, canceled: 197 },
      })
      expect((await edge.request(`/v1/batches/${id}`, { method: "DELETE" })).status).toBe(200)
      const { text, isComplete } = await results(id)
      expect(isComplete).toBe(true)
      expect(text.match(/,canceled,/g)).toHaveLength(197)
      expect(await worker.answer(QUEUE, () => ({ state: "failed", error: { code: "internal", message: "x" } }))).toBe(0)
    })

    it("canceled before anything was done, a batch has no rows any more, and says so", async () => {
      const { id } = await accept("url\nhttps://a.example/1")
      await edge.request(`/v1/batches/${id}`, { method: "DELETE" })
      expect(await read(id)).toMatchObject({ status: "canceled", done: true })
      const response = await edge.request(`/v1/batches/${id}/results?format=csv`)
      expect(response.status).toBe(410)
      expect(await response.json()).toMatchObject({ code: "list_expired" })
    })

    it("a key's batches are that key's alone, and a ticket cannot be made up", async () => {
      const mine = { authorization: `Bearer ${ALICE}` }
      const { id } = await accept("url\nhttps://a.example/1", { headers: mine })
      const forged = id.slice(0, -1) + (id.endsWith("0") ? "1" : "0")
      for (const path of [`/v1/batches/${id}`, `/v1/batches/${id}/results`]) {
        expect((await edge.request(path, { headers: mine })).status).toBe(200)
        expect((await edge.request(path, { headers: { authorization: `Bearer ${BOB}` } })).status).toBe(404)
        expect((await edge.request(path)).status).toBe(404)
      }
      expect((await edge.request(`/v1/batches/${id.replace(/^bat_/, "cls_")}`, { headers: mine })).status).toBe(404)
      expect((await edge.request(`/v1/classifications/${id.replace(/^bat_/, "cls_")}`, { headers: mine })).status).toBe(
        404,
      )
      expect((await edge.request(`/v1/batches/${forged}`, { headers: mine })).status).toBe(404)
      expect((await edge.request(`/v1/batches/${id}/results?after=x`, { headers: mine })).status).toBe(422)
    })
  })
}
