import { execFile } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { promisify } from "node:util"
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest"
import { flatPng } from "../support/images/images.ts"
import { newRoot, writeTinyModel } from "../support/models/tiny-model.ts"
import { runCli, type Stack, startStack } from "../support/stack/stack-harness.ts"

const run = promisify(execFile)
const RED = flatPng([230, 10, 10])

let stack: Stack
let folder: string
let pictures: { url: string; close: () => Promise<void> }

beforeAll(async () => {
  pictures = await serve((request, response) => {
    if (request.url === "/red.png") response.end(RED)
    else response.writeHead(404).end()
  })
  folder = mkdtempSync(join(tmpdir(), "claimcheck-python-"))
  writeFileSync(join(folder, "red.png"), RED)
  const root = writeTinyModel("colours", {}, newRoot())
  stack = await startStack(["--edge", "node"], {
    CLAIMCHECK_MODELS: root,
    DEFAULT_MODEL: "colours",
    ALLOW_ADDRESSES: new URL(pictures.url).host,
    LANES: "1",
  })
  await stack.printed(/^ready /m)
})
afterAll(async () => {
  await stack?.dispose()
  await pictures?.close()
  if (folder) rmSync(folder, { recursive: true, force: true })
})

/** Runs Python with the client, and returns what it prints as JSON. */
async function python(code: string, { command = "python3", url = stack.url } = {}): Promise<unknown> {
  const lines = [
    "import json, sys, time",
    "from claimcheck import Claimcheck, ClaimcheckError",
    `url = ${JSON.stringify(url)}`,
  ]
  const env = { ...process.env, PYTHONPATH: resolve("clients/python"), PYTHONDONTWRITEBYTECODE: "1" }
  const { stdout } = await run(command, ["-W", "error", "-c", [...lines, code].join("\n")], { cwd: folder, env })
  return JSON.parse(stdout)
}

describe("the Python client, with a real edge", () => {
  it("submits a path, bytes, an open file and a URL, and waits for the result", async () => {
    const found = await python(`
client = Claimcheck(url)
images = ["red.png", open("red.png", "rb").read(), open("red.png", "rb"), ${JSON.stringify(`${pictures.url}/red.png`)}]
tickets = [client.classify(image, top_k=1, timeout=30) for image in images]
images[2].close()
print(json.dumps([[ticket["status"], ticket["predictions"][0]["label"]] for ticket in tickets]))`)
    expect(found).toEqual(Array(4).fill(["succeeded", "red"]))
  })

  it("collects a ticket later by its id, polls as the server says, and reads outputs, queue and models", async () => {
    const found = await python(`
client = Claimcheck(url)
ticket = client.submit("red.png", no_cache=True, threshold=0.5)
later = client.ticket(ticket.id).result(timeout=30)
resized = client.resize("red.png", width=4, format="png", timeout=30)
print(json.dumps([later["id"] == ticket.id, client.output(resized)[:4].hex(), resized["output"]["width"],
  client.queue()["depth"], [model["id"] for model in client.models()["models"]]]))`)
    expect(found).toEqual([true, "89504e47", 4, 0, expect.arrayContaining(["colours"])])
  })

  it("raises what is wrong, with code, title and detail", async () => {
    const found = await python(`
client = Claimcheck(url)
def told(work):
    try:
        work()
    except ClaimcheckError as error:
        return [error.code, error.status, bool(error.title), error.detail != "", error.is_transient]
refused = [
    lambda: client.classify(b"no picture"),
    lambda: client.classify("red.png", model="nobody"),
    lambda: client.classify("red.png", top_kk=3),
    lambda: client.ticket("cls_0").result(),
    lambda: client.classify(${JSON.stringify(`${pictures.url}/gone.png`)}, timeout=30),
    lambda: Claimcheck(url, key="ck_wrong").queue(),
    lambda: Claimcheck("http://127.0.0.1:9").queue(),
]
print(json.dumps([told(work) for work in refused]))`)
    expect(found).toEqual([
      ["unsupported_image", 415, true, true, false],
      ["unknown_model", 422, true, true, false],
      ["invalid_options", 422, true, true, false],
      ["not_found", 404, true, true, false],
      ["url_not_found", null, true, true, false],
      [expect.stringMatching(/_key$/), 401, true, true, false],
      ["network", null, true, true, true],
    ])
  })

  it("cancels a ticket, ends a wait in time, and retries what failed", async () => {
    const done = await python('print(json.dumps(Claimcheck(url).classify("red.png", timeout=30)["id"]))')
    await runCli(["pause"], stack.env)
    onTestFinished(async () => void (await runCli(["resume"], stack.env)))
    const found = await python(`
client = Claimcheck(url)
ticket = client.submit("red.png", no_cache=True)
try:
    ticket.result(timeout=0.3)
except ClaimcheckError as error:
    late = [error.code, error.ticket["done"]]
canceled = ticket.cancel()["status"]
try:
    ticket.result()
except ClaimcheckError as error:
    code = error.code
try:
    client.ticket(${JSON.stringify(done)}).cancel()
except ClaimcheckError as error:
    again = error.code
failed = client.submit(${JSON.stringify(`${pictures.url}/red.png`)})
failed.cancel()
print(json.dumps([late, canceled, code, again, failed.retry().refresh()["retry_of"] == failed.id]))`)
    expect(found).toEqual([["timeout", false], "canceled", "canceled", "already_finished", true])
  })

  it("sends a batch as a file or as objects, reads its rows in order and its results as a table", async () => {
    writeFileSync(join(folder, "list.csv"), `id,image_url\n1,${pictures.url}/red.png\n2,${pictures.url}/gone.png\n`)
    const found = await python(`
client = Claimcheck(url)
batch = client.submit_batch("list.csv", top_k=1)
rows = [[row["row"], row["input"]["id"], row["results"][0]["status"]] for row in batch.rows()]
done = batch.wait(timeout=30)
page = batch.results(format="csv")
objects = client.submit_batch([{"id": 7, "image_url": ${JSON.stringify(`${pictures.url}/red.png`)}}])
again = client.batch(batch.id).retry()
try:
    client.submit_batch(b"id\\n1\\n")
except ClaimcheckError as error:
    refused = [error.code, error.status]
print(json.dumps([rows, done["status"], page.text.split("\\r\\n")[0], page.next_after, page.is_complete,
  objects.wait(timeout=30)["pictures"]["succeeded"], again.wait(timeout=30)["retry_of"] == batch.id, refused]))`)
    expect(found).toEqual([
      [
        [1, "1", "succeeded"],
        [2, "2", "failed"],
      ],
      "succeeded",
      "id,image_url,status,label,probability,predictions,model,error",
      2,
      true,
      1,
      true,
      [expect.any(String), 400],
    ])
  })

  it("repeats what is lost, cut short or refused for now, and the server takes it once", async () => {
    const seen: { path: string; key: string | undefined; atMs: number }[] = []
    const trouble = [
      (response: ServerResponse) => response.writeHead(503, { "retry-after": "1" }).end("{}"),
      (response: ServerResponse) => response.socket?.destroy(),
      (response: ServerResponse) => {
        response.writeHead(202, { "content-type": "application/json", "content-length": "500" })
        response.write('{"id":')
        setTimeout(() => response.socket?.destroy(), 50)
      },
      (response: ServerResponse) => response.writeHead(200, { "content-type": "text/html" }).end("<p>a proxy's page"),
    ]
    const proxy = await serve((request, response) => {
      seen.push({ path: request.url ?? "", key: request.headers["idempotency-key"] as string, atMs: performance.now() })
      const fail = trouble.shift()
      if (fail) fail(response)
      else forward(request, response)
    })
    onTestFinished(proxy.close)
    const found = await python(
      `
ticket = Claimcheck(url).classify("red.png", timeout=60)
try:
    Claimcheck(url, retries=0).get("/nothing")
except ClaimcheckError as error:
    print(json.dumps([ticket["status"], error.code]))`,
      { url: proxy.url },
    )
    expect(found).toEqual(["succeeded", "not_found"])
    const posts = seen.filter(({ path }) => path === "/v1/classifications")
    expect(posts).toHaveLength(5)
    expect(new Set(posts.map(({ key }) => key)).size).toBe(1)
    // Never before Retry-After.
    expect((posts[1]?.atMs ?? 0) - (posts[0]?.atMs ?? 0)).toBeGreaterThanOrEqual(990)
  })

  it("sends its key to the edge alone: no redirect takes it elsewhere", async () => {
    const got: string[] = []
    const other = await serve((request, response) => {
      got.push(request.headers.authorization ?? "")
      response.end("{}")
    })
    onTestFinished(other.close)
    const edge = await serve((_request, response) => void response.writeHead(307, { location: `${other.url}/` }).end())
    onTestFinished(edge.close)
    const found = await python(
      `
try:
    Claimcheck(url, key="ck_secret").queue()
except ClaimcheckError as error:
    print(json.dumps([error.code, "ck_secret" in repr(error)]))`,
      { url: edge.url },
    )
    expect([found, got]).toEqual([["http_307", false], []])
  })

  it("runs on Python 3.9 where there is one", async (context) => {
    const version = await run("python3.9", ["--version"]).then(
      ({ stdout }) => stdout,
      () => null,
    )
    if (version === null) return context.skip("there is no python3.9 here")
    const code = 'print(json.dumps(Claimcheck(url).classify("red.png", timeout=30)["status"]))'
    expect(await python(code, { command: "python3.9" })).toBe("succeeded")
  })
})

async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const server = createServer(answer).listen(0, "127.0.0.1")
  await once(server, "listening")
  const close = async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close }
}

/** Hands a request to the edge, and its answer back. */
async function forward(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { host: _host, connection: _connection, "content-length": _length, ...headers } = request.headers
  const body = Buffer.concat(await request.toArray())
  const answer = await fetch(stack.url + request.url, {
    method: request.method ?? "GET",
    headers: headers as Record<string, string>,
    ...(body.length > 0 && { body }),
  })
  const {
    "content-encoding": _encoding,
    "transfer-encoding": _transfer,
    ...answered
  } = Object.fromEntries(answer.headers)
  response.writeHead(answer.status, answered).end(Buffer.from(await answer.arrayBuffer()))
}
