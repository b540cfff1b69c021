import { type ChildProcess, execFile, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { promisify } from "node:util"
import jpeg from "jpeg-js"
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest"
import { type DocsExample, examplesOf, examplesOfMarkdown } from "../support/docs/docs-examples.ts"
import { freePort } from "../support/free-ports.ts"
import { newRoot, writeTinyModel } from "../support/models/tiny-model.ts"
import { runCli, type Stack, startStack } from "../support/stack/stack-harness.ts"

const run = promisify(execFile)
const RUNNERS = {
  sh: ["bash", "-eu", "example.sh"],
  javascript: ["node", "example.mjs"],
  python: ["python3", "example.py"],
}

/** As the pages name them: the API, a receiver of webhooks, a host of pictures. */
const [ORIGIN, RECEIVER, PICTURES] = ["http://localhost:8787", "9000", "9001"]
const LIST = `id,image_url\n1,http://127.0.0.1:${PICTURES}/photo.jpg\n2,http://127.0.0.1:${PICTURES}/second.jpg\n`

let stack: Stack
let secret: string
let receiverPort: number
let picturesPort: number
const home = newRoot()
let examples: DocsExample[]
let shade = 0

beforeAll(async () => {
  receiverPort = await freePort()
  picturesPort = await freePort()
  mkdirSync(join(home, "models"))
  writeTinyModel("converted_tfjs", {}, join(home, "Downloads"))
  stack = await startStack(["--edge", "node"], {
    ALLOW_ADDRESSES: `127.0.0.1:${receiverPort},127.0.0.1:${picturesPort}`,
    CLAIMCHECK_MODELS: join(home, "models"),
    MODEL_LOOK_MS: "100",
  })
  await stack.printed(/^ready /m)
  secret = (await runCli(["webhook", "secret"], stack.env)).stdout.trim()
  const response = await fetch(`${stack.url}/docs`)
  expect(response.status).toBe(200)
  examples = examplesOf(await response.text())
})
afterAll(() => stack?.dispose())

/** A folder with the example, pictures that nobody has sent before, and our package as npm would install it. */
function folderFor({ language, code }: DocsExample): string {
  const folder = mkdtempSync(join(tmpdir(), "claimcheck-docs-"))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  for (const name of ["picture.jpg", "second.jpg", "third.jpg"]) writeFileSync(join(folder, name), newPicture())
  writeFileSync(join(folder, "pictures.csv"), here(LIST))
  const file = RUNNERS[language as keyof typeof RUNNERS].at(-1) as string
  writeFileSync(join(folder, file), code)
  return withPackage(folder)
}

/** Our package as npm would install it, and its command as npx would find it. */
function withPackage(folder: string): string {
  mkdirSync(join(folder, "node_modules", ".bin"), { recursive: true })
  symlinkSync(resolve("."), join(folder, "node_modules", "claimcheck"))
  symlinkSync(resolve("dist/cli/main.js"), join(folder, "node_modules", ".bin", "claimcheck"))
  return folder
}

/** With the addresses of this run; the command without npx, which takes a second each time. */
function here(code: string): string {
  return code
    .replaceAll(ORIGIN ?? "", stack.url)
    .replaceAll(RECEIVER ?? "", String(receiverPort))
    .replaceAll(PICTURES ?? "", String(picturesPort))
    .replaceAll("npx claimcheck", "claimcheck")
}

function environment(cwd: string): NodeJS.ProcessEnv {
  const { CLAIMCHECK_HOME, PATH } = stack.env
  return {
    ...process.env,
    PATH: `${join(cwd, "node_modules", ".bin")}:${PATH}`,
    HOME: home,
    CLAIMCHECK_HOME,
    CLAIMCHECK_URL: stack.url,
    PYTHONPATH: resolve("clients/python"),
    PYTHONDONTWRITEBYTECODE: "1",
  }
}

/** What stands at the pictures' address: the files of a folder. */
async function servePictures(folder: string): Promise<void> {
  const server = createServer((request, response) => {
    const name = (request.url ?? "").slice(1)
    if (readdirSync(folder).includes(name)) response.end(readFileSync(join(folder, name)))
    else response.writeHead(404).end()
  }).listen(picturesPort, "127.0.0.1")
  await once(server, "listening")
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise((closed) => server.close(closed))
  })
}

function newPicture(): Uint8Array {
  const data = Buffer.alloc(64 * 64 * 4, ++shade * 7)
  return jpeg.encode({ data, width: 64, height: 64 }, 90).data
}

async function runExample(example: DocsExample, env: Record<string, string> = {}) {
  const [command = "", ...args] = RUNNERS[example.language as keyof typeof RUNNERS]
  const cwd = folderFor(example)
  if (example.code.includes("pictures.csv")) {
    writeFileSync(join(cwd, "photo.jpg"), newPicture())
    await servePictures(cwd)
  }
  const { stdout } = await run(command, args, { cwd, env: { ...environment(cwd), ...env }, timeout: 120_000 })
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
    const guides = ["submit", "poll", "batch", "loop", "webhook"]
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
    const { stdout } = await runExample(find("batch", "sh"))
    const [header, ...rows] = stdout.trim().split("\r\n")
    expect(header).toBe("id,image_url,status,label,probability,predictions,model,error")
    expect(rows.map((row) => row.split(",").slice(0, 3).join())).toEqual(
      ["1", "2"].map((id) => expect.stringMatching(`^${id},http://\\S+,succeeded$`)),
    )
    for (const row of rows) expect(row.split("; ")).toHaveLength(3)
  })

  it.each(["javascript", "python"])("batch, in %s", async (language) => {
    const { stdout } = await runExample(find("batch", language))
    expect(stdout).toMatch(/^1 succeeded \w.*\n2 succeeded \w.*\n$/)
  })

  it("loop, in sh", async () => {
    const { cwd } = await runExample(find("loop", "sh"))
    const answers = readdirSync(cwd).filter((name) => name.endsWith(".jpg.json"))
    expect(answers).toHaveLength(3)
    for (const name of answers) expect(JSON.parse(readFileSync(join(cwd, name), "utf8"))).toMatchObject({ done: true })
  })

  it.each(["javascript", "python"])("loop, in %s", async (language) => {
    const { stdout } = await runExample(find("loop", language))
    expect(stdout.trim().split("\n").toSorted()).toEqual(
      ["picture.jpg", "second.jpg", "third.jpg"].map((name) => expect.stringMatching(`^${name} succeeded \\w`)),
    )
  })

  it.each(["javascript", "python"])(
    "webhook, in %s: what is signed is believed, and nothing else",
    async (language) => {
      const receiver = await startReceiver(find("webhook", language))
      await expectOnlySigned(receiver)
      const url = `http://127.0.0.1:${receiverPort}/hook`
      const { stdout } = await runExample(find("webhook", "sh"), { WEBHOOK_URL: url })
      const id = JSON.parse(stdout).id as string
      await expect.poll(receiver.output, { timeout: 20_000 }).toContain(`classification.succeeded ${id}`)
    },
  )
})

/** The Markdown pages with code that can be run, and that code. */
const PAGES = Object.fromEntries(
  readdirSync("docs")
    .filter((name) => name.endsWith(".md"))
    .map((name) => [name, examplesOfMarkdown(readFileSync(join("docs", name), "utf8"))] as const)
    .map(([name, blocks]) => [name, blocks.filter(({ language }) => language in RUNNERS)] as const)
    .filter(([, blocks]) => blocks.length > 0),
)
const onPage = (page: string, language: string) => {
  const blocks = (PAGES[page] ?? []).filter((block) => block.language === language && block.file === undefined)
  return { guide: page, title: page, language, code: here(blocks.map(({ code }) => code).join("")) }
}

describe("every example in docs/*.md does what it says", () => {
  it("each page that has some is run below", () => {
    expect(Object.keys(PAGES).toSorted()).toEqual(["batches.md", "client.md", "guide.md", "python.md", "webhooks.md"])
  })

  it("batches.md, in sh", async () => {
    const { stdout } = await runExample(onPage("batches.md", "sh"))
    const tables = stdout.split(/^(?=id,)/m)
    expect(tables).toHaveLength(2)
    for (const table of tables) {
      const [header, ...rows] = table.trim().split("\r\n")
      expect(header).toBe("id,image_url,status,label,probability,predictions,model,error")
      expect(rows.map((row) => row.split(",")[2])).toEqual(["succeeded", "succeeded", "failed"])
      expect(rows[2]).toContain("url_not_found: ")
    }
    expect(tables[0]?.split("\r\n")[1]?.split("; ")).toHaveLength(3)
  })

  it.each(["python", "javascript"])("batches.md, in %s", async (language) => {
    const { stdout } = await runExample(onPage("batches.md", language))
    expect(stdout).toMatch(/^1 1 succeeded \w.*\n2 2 succeeded \w.*\n$/)
  })

  it("client.md", async () => {
    const example = onPage("client.md", "javascript")
    const cwd = folderFor(example)
    writeFileSync(join(cwd, "photo.jpg"), newPicture())
    await servePictures(cwd)
    const { stdout } = await run("node", ["example.mjs"], { cwd, env: environment(cwd), timeout: 60_000 })
    const [single, batch] = stdout.split(/^(?=1 1 )/m)
    expect(single).toMatch(/^(\w.* 0\.\d+\n){3}succeeded \d+\njpeg 64\nimage\/jpeg true\nunsupported_image 415\n$/)
    expect(batch).toMatch(
      /^1 1 succeeded \w.*\n2 2 succeeded \w.*\n2 id,image_url,status,label,probability,predictions,model,error\n$/,
    )
  })

  it("python.md", async () => {
    const example = onPage("python.md", "python")
    const cwd = folderFor(example)
    writeFileSync(join(cwd, "photo.jpg"), newPicture())
    await servePictures(cwd)
    const { stdout } = await run("python3", ["example.py"], { cwd, env: environment(cwd), timeout: 60_000 })
    expect(stdout).toMatch(/^(\w.* 0\.\d+\n){3}succeeded\nTrue\n1 1 succeeded\n2 2 succeeded\nunsupported_image 415\n$/)
  })

  it.each(["python", "javascript"])("webhooks.md, with a receiver in %s", async (language) => {
    const receiver = await startReceiver(onPage("webhooks.md", language))
    await expectOnlySigned(receiver)
    const sender = onPage("webhooks.md", "sh")
    const cwd = folderFor(sender)
    writeFileSync(join(cwd, "photo.jpg"), newPicture())
    await run("bash", ["-eu", "example.sh"], { cwd, env: environment(cwd), timeout: 60_000 })
    await expect
      .poll(() => receiver.output().match(/^classification\.succeeded cls_\w+$/gm)?.length, { timeout: 20_000 })
      .toBe(2)
  })

  it("guide.md, from the model to verified webhooks", async () => {
    const cwd = withPackage(mkdtempSync(join(home, "guide-")))
    symlinkSync(join(home, "models"), join(cwd, "models"))
    for (const name of ["photo.jpg", "second.jpg"]) writeFileSync(join(cwd, name), newPicture())
    for (const { file, code } of PAGES["guide.md"] ?? []) if (file) writeFileSync(join(cwd, file), here(code))
    const { code } = onPage("guide.md", "sh")
    writeFileSync(join(cwd, "guide.sh"), `trap 'kill $(jobs -p)' EXIT\n${code}`)
    const { stdout } = await run("bash", ["-eu", "guide.sh"], { cwd, env: environment(cwd), timeout: 120_000 })
    expect(stdout).toContain("ok my-model can be served")
    expect(stdout).toMatch(/^id,image_url,shelf,status,label.*\r\n1,\S+,A,succeeded,(.*\r\n)2,\S+,B,succeeded,/m)
    expect(stdout).toMatch(/^3,\S+,B,failed,.*url_not_found/m)
    expect(stdout).toMatch(/^classification\.succeeded cls_\w+ $/m)
    expect(stdout).toMatch(/^batch\.succeeded bat_\w+ http:\/\/\S+\/results$/m)
    expect(stdout).toMatch(/^401$/m)
  })
})

async function expectOnlySigned({ output }: { output: () => string }): Promise<void> {
  const heard = output()
  const now = String(Math.floor(Date.now() / 1_000))
  const forgeries = [
    {},
    { "webhook-id": "msg_1", "webhook-timestamp": now },
    { "webhook-id": "msg_1", "webhook-timestamp": now, "webhook-signature": "v1,AAAA v1, x v1,\u00e9" },
    { "webhook-id": "msg_1", "webhook-timestamp": "soon", "webhook-signature": "v1,AAAA" },
  ]
  for (const headers of forgeries) {
    const body = JSON.stringify({ type: "classification.succeeded", data: { id: "forged" } })
    const init = { method: "POST", headers: headers as Record<string, string>, body }
    expect((await fetch(`http://127.0.0.1:${receiverPort}/hook`, init)).status).toBe(401)
  }
  expect(output()).toBe(heard)
}

async function startReceiver(example: DocsExample) {
  const [command = "", ...args] = RUNNERS[example.language as keyof typeof RUNNERS]
  const env = { ...process.env, PORT: String(receiverPort), WEBHOOK_SECRET: secret }
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
