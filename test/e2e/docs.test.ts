import { type ChildProcess, execFile, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { promisify } from "node:util"
import jpeg from "jpeg-js"
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest"
import { newWebhookSecret } from "../../src/lib/webhook-secret.ts"
import { type DocsExample, examplesOf } from "../support/docs-examples.ts"
import { type Stack, startStack } from "./stack-harness.ts"

const run = promisify(execFile)
const RUNNERS = {
  sh: ["bash", "-eu", "example.sh"],
  javascript: ["node", "example.mjs"],
  python: ["python3", "example.py"],
}

const SECRET = newWebhookSecret()

let stack: Stack
let receiverPort: number
let examples: DocsExample[]
let shade = 0

beforeAll(async () => {
  receiverPort = await freePort()
  stack = await startStack(["--edge", "node"], {
    ALLOW_ADDRESSES: `127.0.0.1:${receiverPort}`,
    WEBHOOK_SECRETS: SECRET,
  })
  await stack.printed(/^ready /m)
  const response = await fetch(`${stack.url}/docs`)
  expect(response.status).toBe(200)
  examples = examplesOf(await response.text())
})
afterAll(() => stack?.dispose())

/** A folder with the example, pictures that nobody has sent before, and our package as npm would install it. */
function folderFor({ language, code }: DocsExample): string {
  const folder = mkdtempSync(join(tmpdir(), "claimcheck-docs-"))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  mkdirSync(join(folder, "node_modules"))
  symlinkSync(resolve("."), join(folder, "node_modules", "claimcheck"))
  for (const name of ["picture.jpg", "second.jpg", "third.jpg"]) writeFileSync(join(folder, name), newPicture())
  const file = RUNNERS[language as keyof typeof RUNNERS].at(-1) as string
  writeFileSync(join(folder, file), code)
  return folder
}

function newPicture(): Uint8Array {
  const data = Buffer.alloc(64 * 64 * 4, ++shade * 7)
  return jpeg.encode({ data, width: 64, height: 64 }, 90).data
}

async function runExample(example: DocsExample, env: Record<string, string> = {}) {
  const [command = "", ...args] = RUNNERS[example.language as keyof typeof RUNNERS]
  const cwd = folderFor(example)
  const { stdout } = await run(command, args, { cwd, env: { ...process.env, ...env }, timeout: 60_000 })
  return { stdout, cwd }
}

const find = (guide: string, language: string) => {
  const found = examples.find((example) => example.guide === guide && example.language === language)
  if (found === undefined) throw new Error(`/docs has no ${language} for ${guide}`)
  return found
}

describe("every example on /docs does what it says", () => {
  it("there are examples in three languages for each guide", () => {
    const shown = examples.map(({ guide, language }) => `${guide} ${language}`)
    const guides = ["submit", "poll", "batch", "webhook"]
    expect(shown.toSorted()).toEqual(
      guides.flatMap((guide) => Object.keys(RUNNERS).map((language) => `${guide} ${language}`)).toSorted(),
    )
  })

  it.each(Object.keys(RUNNERS))("submit, in %s", async (language) => {
    const { stdout } = await runExample(find("submit", language))
    const id = stdout.match(/cls_[0-9a-z]{42}/)?.[0]
    expect((await fetch(`${stack.url}/v1/classifications/${id}`)).status).toBe(200)
  })

  it.each(Object.keys(RUNNERS))("poll, in %s", async (language) => {
    const { stdout } = await runExample(find("poll", language))
    expect(stdout).toMatch(/"probability":0\.\d+|probability: 0\.\d+|^0\.\d{3} \w+/m)
  })

  it("batch, in sh", async () => {
    const { cwd } = await runExample(find("batch", "sh"))
    const answers = readdirSync(cwd).filter((name) => name.endsWith(".jpg.json"))
    expect(answers).toHaveLength(3)
    for (const name of answers) expect(JSON.parse(readFileSync(join(cwd, name), "utf8"))).toMatchObject({ done: true })
  })

  it.each(["javascript", "python"])("batch, in %s", async (language) => {
    const { stdout } = await runExample(find("batch", language))
    expect(stdout.trim().split("\n").toSorted()).toEqual(
      ["picture.jpg", "second.jpg", "third.jpg"].map((name) => expect.stringMatching(`^${name} succeeded \\w`)),
    )
  })

  it.each(["javascript", "python"])(
    "webhook, in %s: what is signed is believed, and nothing else",
    async (language) => {
      const receiver = await startReceiver(find("webhook", language))
      const url = `http://127.0.0.1:${receiverPort}/hook`
      const { stdout } = await runExample(find("webhook", "sh"), { WEBHOOK_URL: url })
      const id = JSON.parse(stdout).id as string
      await expect.poll(receiver.output, { timeout: 20_000 }).toContain(`classification.succeeded ${id}`)

      const heard = receiver.output()
      const now = String(Math.floor(Date.now() / 1_000))
      const forgeries = [
        {},
        { "webhook-id": "msg_1", "webhook-timestamp": now },
        { "webhook-id": "msg_1", "webhook-timestamp": now, "webhook-signature": "v1,AAAA v1, x v1,\u00e9" },
        { "webhook-id": "msg_1", "webhook-timestamp": "soon", "webhook-signature": "v1,AAAA" },
      ]
      for (const headers of forgeries) {
        const body = JSON.stringify({ type: "classification.succeeded", data: { id: "forged" } })
        expect((await fetch(url, { method: "POST", headers: headers as Record<string, string>, body })).status).toBe(
          401,
        )
      }
      expect(receiver.output()).toBe(heard)
    },
  )
})

async function startReceiver(example: DocsExample) {
  const [command = "", ...args] = RUNNERS[example.language as keyof typeof RUNNERS]
  const env = { ...process.env, PORT: String(receiverPort), WEBHOOK_SECRET: SECRET }
  const child: ChildProcess = spawn(command, args, {
    cwd: folderFor(example),
    env,
    stdio: ["ignore", "pipe", "ignore"],
  })
  let output = ""
  child.stdout?.on("data", (data) => (output += String(data)))
  const ended = once(child, "close")
  onTestFinished(async () => {
    child.kill("SIGKILL")
    await ended
  })
  const answers = () =>
    fetch(`http://127.0.0.1:${receiverPort}/`, { method: "POST", body: "" }).then(
      () => true,
      () => false,
    )
  await expect.poll(answers, { timeout: 20_000 }).toBe(true)
  return { output: () => output }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}
