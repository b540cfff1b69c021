import type { ChildProcess } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type IncomingHttpHeaders, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parse } from "csv-parse/sync"
import jpeg from "jpeg-js"
import sharp from "sharp"
import { Webhook } from "standardwebhooks"
import { afterAll, beforeAll, expect, test } from "vitest"
import { type PictureServer, startPictureServer } from "../support/servers/picture-server.ts"
import { runCli, type Stack, startStack } from "../support/stack/stack-harness.ts"

const ROWS = 300
const folder = mkdtempSync(join(tmpdir(), "claimcheck-batch-"))
type Callback = { headers: IncomingHttpHeaders; body: string }
const callbacks: Callback[] = []
let stack: Stack
let receiver: Server
let pictures: PictureServer
let env: NodeJS.ProcessEnv

beforeAll(async () => {
  pictures = await startPictureServer({
    pictures: [40, 50, 60].map(
      (width) => jpeg.encode({ data: Buffer.alloc(width * 30 * 4, width), width, height: 30 }, 90).data,
    ),
    latencyMs: 100,
    behaviourOf: (number) => (number % 50 === 7 ? "missing" : number % 100 === 13 ? "reset" : "picture"),
  })
  receiver = createServer((request, response) => {
    let body = ""
    request.on("data", (data) => (body += String(data)))
    request.on("end", () => {
      callbacks.push({ headers: request.headers, body })
      response.writeHead(204).end()
    })
  }).listen(0, "127.0.0.1")
  await once(receiver, "listening")
  stack = await startStack(["--edge", "node"], {
    ALLOW_ADDRESSES: `${pictures.address} ${hookAddress()}`,
    FETCHES: "16",
    FETCHES_PER_HOST: "16",
    LEASE_MS: "3000",
  })
  await stack.printed(/^ready /m)
  env = { ...stack.env, CLAIMCHECK_URL: stack.url, NO_COLOR: "1" }
})
afterAll(async () => {
  await stack.dispose()
  await pictures.close()
  receiver.close()
  rmSync(folder, { recursive: true })
})

const hookAddress = () => `127.0.0.1:${(receiver.address() as AddressInfo).port}`
const path = (name: string) => join(folder, name)
const recordsOf = (file: string): Record<string, string>[] => parse(readFileSync(file), { columns: true, bom: true })

test("every row is in the results once and in order, though classifier, gateway and CLI are killed in the middle", async () => {
  const list = ["id\turl", ...Array.from({ length: ROWS }, (_none, i) => `row-${i}\t${pictures.urlOf(i)}`)].join("\n")
  writeFileSync(path("list.tsv"), list)
  const args = ["batch", path("list.tsv"), "--op", "inspect", "--out", path("sizes.csv"), "--batch-size", "32"]
  const stateFile = `${path("sizes.csv")}.claimcheck-run.json`
  const until = (count: number) => expect.poll(() => pictures.asked.size, { timeout: 60_000 }).toBeGreaterThan(count)

  let first: ChildProcess | undefined
  const killed = runCli(args, env, (child) => {
    first = child
  })
  await until(60)
  process.kill(-stack.groupOf("classifier"), "SIGKILL")
  first?.kill("SIGKILL")
  expect((await killed).code).toBeNull()
  expect(existsSync(stateFile)).toBe(true)

  const again = await runCli(args, env)
  expect(again.code).toBe(2)
  expect(again.stderr).toContain("--resume")

  const resumed = runCli([...args, "--resume", "--json"], env)
  await until(150)
  process.kill(-stack.groupOf("gateway"), "SIGKILL")
  const { code, stdout } = await resumed
  expect(code).toBe(1)
  expect(JSON.parse(stdout)).toMatchObject({
    status: "succeeded",
    rows: { total: ROWS },
    pictures: { total: ROWS, done: ROWS, failed: 9 },
  })
  expect(existsSync(stateFile)).toBe(false)

  const records = recordsOf(path("sizes.csv"))
  expect(records.map(({ id }) => id)).toEqual(Array.from({ length: ROWS }, (_none, i) => `row-${i}`))
  for (const [i, record] of records.entries()) {
    const isBad = i % 50 === 7 || i % 100 === 13
    expect(record.status, record.error).toBe(isBad ? "failed" : "succeeded")
    if (!isBad)
      expect([record.format, record.width, record.height]).toEqual(["jpeg", String([40, 50, 60][i % 3]), "30"])
  }
})

test("a list that cannot be taken says which rows, and leaves nothing to resume", async () => {
  writeFileSync(path("bad.csv"), "id,url\n1,ftp://a.example/x\n2,https://a.example/x\n")
  const { code, stdout, stderr } = await runCli(["batch", path("bad.csv"), "--op", "inspect"], env)
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" })
  expect(stderr).toContain('row 1 (line 2): url is not an https or http URL: "ftp://a.example/x"')
  expect(stderr).toContain("--on-invalid skip takes the rest")
  expect(existsSync(`${path("bad.results.csv")}.claimcheck-run.json`)).toBe(false)
  expect((await runCli(["batch", path("bad.csv"), "--resume"], env)).code).toBe(2)

  const folder = await runCli(["batch", path("."), "--out", path("folder.csv")], env)
  expect(folder).toMatchObject({ code: 1, stderr: expect.stringContaining("it is a folder") })
})

test("what failed is told although nobody watches, unless as JSON", async () => {
  writeFileSync(path("private.csv"), "url\nhttp://127.0.0.1:1/a.jpg\n")
  const args = ["batch", path("private.csv"), "--op", "inspect", "--force"]
  const told = await runCli(args, env)
  expect(told).toMatchObject({
    code: 1,
    stdout: "",
    stderr: expect.stringMatching(/1 row failed\n {2}1 × url_refused: /),
  })
  expect(await runCli([...args, "--json"], env)).toMatchObject({ code: 1, stderr: "" })
})

test("a run that is resumed fetches its files, too, although --download is not said again, and says that its list has changed", async () => {
  writeFileSync(path("again.csv"), `url\n${pictures.urlOf(2001)}\n`)
  const args = ["batch", path("again.csv"), "--out", path("again.results.csv")]
  const hasTicket = () => {
    const file = path("again.results.csv.claimcheck-run.json")
    return existsSync(file) && JSON.parse(readFileSync(file, "utf8")).ticketId !== undefined
  }
  await runCli(["pause"], env)
  const { code } = await runCli([...args, "--operation", "compress", "--download", path("again")], env, (child) => {
    void expect
      .poll(hasTicket)
      .toBe(true)
      .then(() => child.kill("SIGINT"))
  })
  expect(code).toBe(130)
  await runCli(["resume"], env)
  writeFileSync(path("again.csv"), `url\n${pictures.urlOf(2001)}\n${pictures.urlOf(2002)}\n`)
  const resumed = await runCli([...args, "--resume"], env)
  expect(resumed).toMatchObject({ code: 0, stderr: expect.stringContaining("again.csv has changed since it was sent") })
  expect(readdirSync(path("again"))).toHaveLength(1)
})

test("the products come back with pictures that are smaller and open in a decoder, and one signed callback", async () => {
  const numbers = [1001, 1002, 1003, 1004]
  const [one, two, three, four] = numbers.map((number) => pictures.urlOf(number))
  const list = `S.No,Product Name,Input Image URLs\n1,SKU1,"${one},${two}"\n2,SKU2,"${three}, ${four}"\n`
  writeFileSync(path("products.csv"), list)
  const hook = `http://${hookAddress()}/hooks`
  const args = ["batch", path("products.csv"), "--operation", "compress", "--quality", "50", "--webhook-url", hook]
  args.push("--download", path("small"), "--name-column", "Product Name")
  const { code, stderr } = await runCli(args, env)
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining("products.results.csv") })

  const records = recordsOf(path("products.results.csv"))
  expect(records.map((record) => [record["S.No"], record["Product Name"]])).toEqual([
    ["1", "SKU1"],
    ["2", "SKU2"],
  ])
  const outputs = records.flatMap(({ output_url = "" }) => output_url.split(/, ?/))
  expect(outputs).toHaveLength(4)
  for (const [i, url] of outputs.entries()) {
    const [before, after] = await Promise.all([pictures.urlOf(numbers[i] ?? 0), url].map(bytesAt))
    if (before === undefined || after === undefined) throw new Error("There is no picture")
    expect(after.length).toBeLessThan(before.length)
    const { info } = await sharp(after).raw().toBuffer({ resolveWithObject: true })
    expect(info.height).toBe(30)
  }

  const files = readdirSync(path("small")).sort()
  expect(files).toEqual(["SKU1-2.jpg", "SKU1.jpg", "SKU2-2.jpg", "SKU2.jpg"])
  expect(new Uint8Array(readFileSync(path("small/SKU1-2.jpg")))).toEqual(await bytesAt(outputs[1] ?? ""))

  await expect.poll(() => callbacks.length, { timeout: 30_000 }).toBe(1)
  const [callback] = callbacks
  if (callback === undefined) throw new Error("There was no callback")
  const { webhookSecrets } = JSON.parse(readFileSync(join(stack.home, "secrets.json"), "utf8")) as {
    webhookSecrets: string[]
  }
  const event = new Webhook(webhookSecrets[0] ?? "").verify(callback.body, callback.headers as Record<string, string>)
  expect(event).toMatchObject({ type: "batch.succeeded", data: { done: true, pictures: { total: 4, succeeded: 4 } } })
  const { data } = event as { data: { results_url: string } }
  expect(await (await fetch(data.results_url)).text()).toBe(readFileSync(path("products.results.csv"), "utf8"))
  expect(callbacks).toHaveLength(1)
})

const bytesAt = async (url: string) => new Uint8Array(await (await fetch(url)).arrayBuffer())
