import { execFile } from "node:child_process"
import { copyFileSync, existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { promisify } from "node:util"
import jpeg from "jpeg-js"
import { afterAll, beforeAll, expect, test } from "vitest"
import type { OpenApiDocument } from "../../src/edge/openapi/create-document.ts"
import { createChecker } from "../contract/conforming-edge.ts"
import { type PictureServer, startPictureServer } from "../support/servers/picture-server.ts"
import { type Stack, startStack } from "../support/stack/stack-harness.ts"
import { SECRET, startReceiver, type WebhookReceiver } from "../support/webhooks/webhook-receiver.ts"

const run = promisify(execFile)
const PROJECT = resolve("test/openapi-client")
const [GONE, SILENT] = [7, 8]

type Given = Record<"origin" | "pictureUrl" | "missingUrl" | "silentUrl" | "webhookUrl", string> & {
  fetch: (request: Request) => Promise<Response>
  picture: Uint8Array<ArrayBuffer>
}
/** What the project exports; it is compiled for itself, against what is generated here. */
type UseApi = {
  useApi: (given: Given) => Promise<{ ids: string[]; codes: string[] }>
  webhookEventOf: (event: unknown) => string
}

let stack: Stack
let pictures: PictureServer
let receiver: WebhookReceiver
let folder: string
let document: OpenApiDocument

beforeAll(async () => {
  if (!existsSync(join(PROJECT, "node_modules"))) throw new Error("`npm test` installs what test/openapi-client needs")
  const behaviourOf = (number: number) => (number === GONE ? "missing" : number === SILENT ? "silent" : "picture")
  pictures = await startPictureServer({ pictures: [newPicture(10)], latencyMs: 0, behaviourOf })
  receiver = await startReceiver()
  stack = await startStack(["--edge", "node"], {
    ALLOW_ADDRESSES: `${pictures.address},127.0.0.1:${receiver.port}`,
    WEBHOOK_SECRETS: SECRET,
  })
  await stack.printed(/^ready /m)
  document = (await (await fetch(`${stack.url}/openapi.json`)).json()) as OpenApiDocument
  folder = mkdtempSync(join(tmpdir(), "claimcheck-client-"))
  symlinkSync(join(PROJECT, "node_modules"), join(folder, "node_modules"))
  for (const name of ["package.json", "tsconfig.json", "use-api.ts"])
    copyFileSync(join(PROJECT, name), join(folder, name))
  writeFileSync(join(folder, "openapi.json"), JSON.stringify(document))
  await run("node_modules/.bin/openapi-typescript", ["openapi.json", "-o", "api.ts"], { cwd: folder })
})
afterAll(async () => {
  await stack?.dispose()
  await receiver?.close()
  await pictures?.close()
  if (folder !== undefined) rmSync(folder, { recursive: true })
})

test("a client that openapi-typescript generates compiles under strict, and every real answer and webhook is of its types", async () => {
  const answers: { place: string; body: unknown }[] = []
  const asked = new Set<string>()
  const check = createChecker(document as never)
  const patterns = Object.keys(document.paths).map((path) => {
    return { path, pattern: new RegExp(`^${path.replaceAll(".", "\\.").replaceAll(/\{\w+\}/g, "[^/]+")}$`) }
  })
  const fetchAndCheck = async (request: Request): Promise<Response> => {
    const response = await fetch(request)
    const { pathname, search } = new URL(request.url)
    await check({ method: request.method, path: pathname + search }, response.clone())
    const path = patterns.find(({ pattern }) => pattern.test(pathname))?.path ?? pathname
    const method = request.method.toLowerCase()
    asked.add(`${method} ${path}`)
    const type = (response.headers.get("content-type") ?? "").split(";")[0] ?? ""
    if (/\bjson$/.test(type)) {
      const place = `paths[${JSON.stringify(path)}]["${method}"]["responses"][${response.status}]["content"]["${type}"]`
      answers.push({ place, body: await response.clone().json() })
    }
    return response
  }

  const { useApi, webhookEventOf } = (await import(join(PROJECT, "use-api.ts"))) as UseApi
  const { ids, codes } = await useApi({
    origin: stack.url,
    fetch: fetchAndCheck,
    picture: newPicture(20),
    pictureUrl: pictures.urlOf(1),
    missingUrl: pictures.urlOf(GONE),
    silentUrl: pictures.urlOf(SILENT),
    webhookUrl: receiver.url,
  })
  expect(codes).toEqual([
    "unauthorized",
    "unauthorized",
    "invalid_options",
    "not_found",
    "invalid_rows",
    "already_finished",
  ])
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  )
  expect([...asked].toSorted()).toEqual(operations.toSorted())

  const told = () => receiver.received.map(({ body }) => body.type)
  await expect
    .poll(told)
    .toEqual(
      expect.arrayContaining([
        "classification.succeeded",
        "classification.canceled",
        "batch.progress",
        "batch.succeeded",
      ]),
    )
  for (const { body } of receiver.received) {
    expect(ids).toContain(webhookEventOf(body).split(" ")[0])
    answers.push({ place: `webhooks["${body.type}"]["post"]["requestBody"]["content"]["application/json"]`, body })
  }

  // A field that the document does not know, or one of another type, does not compile.
  const constants = answers.map(({ place, body }, i) => `export const answer${i}: ${place} = ${JSON.stringify(body)}`)
  const text = `import type { paths, webhooks } from "./api.ts"
${constants.join("\n")}
type Upload = NonNullable<paths["/v1/classifications"]["post"]["requestBody"]["content"]["application/json"]>
// @ts-expect-error top_k is a number
export const wrongType: Upload = { top_k: "3" }
// @ts-expect-error there is no such field
export const wrongName: paths["/healthz"]["get"]["responses"][200]["content"]["application/json"] = { status: "ok", x: 1 }
`
  writeFileSync(join(folder, "answers.ts"), text)
  const { stdout } = await run("node_modules/.bin/tsc", [], { cwd: folder }).catch(
    (error) => error as { stdout: string },
  )
  expect(stdout).toBe("")
  expect(answers.length).toBeGreaterThan(30)
})

function newPicture(shade: number): Uint8Array<ArrayBuffer> {
  const data = Buffer.alloc(64 * 64 * 4, shade)
  return new Uint8Array(jpeg.encode({ data, width: 64, height: 64 }, 90).data)
}
