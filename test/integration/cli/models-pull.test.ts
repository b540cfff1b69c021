import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { CATALOGUE } from "../../../src/cli/models/catalogue.ts"
import { type Pull, pullModel } from "../../../src/cli/models/pull-model.ts"
import {
  answersWith,
  answerWell,
  breaksOffAfter,
  type Publisher,
  startPublisher,
} from "../../support/models/model-publisher.ts"
import { newRoot, writeTinyModel } from "../../support/models/tiny-model.ts"
import { runCli } from "../../support/stack/stack-harness.ts"

const [row] = CATALOGUE
const BASE = "/mirror/savedmodel/mobilenet_v2_1.0_224"
const [MODEL, WEIGHTS] = [`${BASE}/model.json`, `${BASE}/weights.bin`]

let publisher: Publisher
let into: string
let checked: string[]

beforeEach(async () => {
  const folder = join(writeTinyModel("m", { kind: "graph" }), "m")
  const [json, weights] = ["model.json", "weights.bin"].map((name) => readFileSync(join(folder, name)))
  publisher = await startPublisher({ [MODEL]: json ?? "", [WEIGHTS]: weights ?? "" })
  into = newRoot()
  checked = []
})
afterEach(() => publisher.close())

function pull(options: Partial<Pull> = {}) {
  if (!row) throw new Error("The catalogue is empty")
  return pullModel({
    row,
    base: `${publisher.url}/mirror/`,
    into,
    force: false,
    imagenet: ["red", "green"],
    check: async (folder) => void checked.push(...readdirSync(folder)),
    onSize: () => undefined,
    onBytes: () => undefined,
    signal: new AbortController().signal,
    network: { tries: 3, stallMs: 1_500, retryBaseMs: 1 },
    ...options,
  })
}

const reasonOf = (result: Promise<unknown>): Promise<string> =>
  result.then(
    () => "it was pulled",
    (error: Error) => error.message,
  )
const target = () => join(into, "mobilenet_v2")
const lock = () => JSON.parse(readFileSync(join(into, "models.lock.json"), "utf8"))

describe("pullModel()", () => {
  test("puts what came in place, with labels and settings, once it was checked, and locks its hashes", async () => {
    const seen: number[] = []
    const { status, files } = await pull({ onSize: (total) => seen.push(-total), onBytes: (bytes) => seen.push(bytes) })
    expect(status).toBe("pulled")
    expect(checked.sort()).toEqual(["claimcheck.json", "labels.txt", "model.json", "weights.bin"])
    expect(readdirSync(target()).sort()).toEqual(checked)
    expect(readFileSync(join(target(), "labels.txt"), "utf8")).toBe("background\nred\ngreen\n")
    expect(JSON.parse(readFileSync(join(target(), "claimcheck.json"), "utf8"))).toMatchObject({
      licence: "Apache-2.0",
      source: publisher.url + MODEL,
    })
    expect([seen[0], seen.at(-1)]).toEqual([-56, 56])
    expect(lock().models.mobilenet_v2.files).toEqual(files)
    expect(readdirSync(into).sort()).toEqual(["mobilenet_v2", "models.lock.json"])
  })

  test("fetches nothing when it is there already, and refuses a folder that is not what was pulled", async () => {
    await pull()
    publisher.requests.length = 0
    expect(await pull()).toMatchObject({ status: "present" })
    expect(publisher.requests).toEqual([])
    writeFileSync(join(target(), "weights.bin"), "mine")
    expect(await reasonOf(pull())).toContain("is there already, and is not what was pulled")
    expect(readFileSync(join(target(), "weights.bin"), "utf8")).toBe("mine")
    expect(await pull({ force: true })).toMatchObject({ status: "pulled" })
    expect(readFileSync(join(target(), "weights.bin"))).toEqual(Buffer.from(publisher.files.get(WEIGHTS) ?? []))
  })

  test("goes on by Range when the server breaks off, time and again", async () => {
    publisher.tricks.set(WEIGHTS, [breaksOffAfter(10), breaksOffAfter(10), breaksOffAfter(10), breaksOffAfter(10)])
    await pull()
    expect(publisher.requests.filter((line) => line.startsWith(WEIGHTS))).toEqual([
      `${WEIGHTS} whole`,
      `${WEIGHTS} bytes=10-`,
      `${WEIGHTS} bytes=20-`,
      `${WEIGHTS} bytes=30-`,
      `${WEIGHTS} bytes=40-`,
    ])
  })

  test("goes on in a later run, and from the start when the publisher's file is another one by then", async () => {
    publisher.tricks.set(WEIGHTS, [breaksOffAfter(10), ...Array.from({ length: 4 }, () => breaksOffAfter(0))])
    expect(await reasonOf(pull())).toContain(`Cannot fetch ${publisher.url}${WEIGHTS}`)
    expect(existsSync(target())).toBe(false)
    publisher.tricks.clear()
    publisher.requests.length = 0
    await pull()
    expect(publisher.requests).toContain(`${WEIGHTS} bytes=10-`)

    into = newRoot()
    publisher.tricks.set(WEIGHTS, [breaksOffAfter(10), ...Array.from({ length: 4 }, () => breaksOffAfter(0))])
    await reasonOf(pull())
    publisher.tricks.clear()
    const other = Buffer.from(publisher.files.get(WEIGHTS) ?? []).fill(1)
    publisher.files.set(WEIGHTS, other)
    await pull()
    expect(readFileSync(join(target(), "weights.bin"))).toEqual(other)
  })

  test("waits for a server that is busy, and gives one up that stays so", async () => {
    publisher.tricks.set(MODEL, [answersWith(503), answersWith(429, { "retry-after": "0" })])
    expect(await pull()).toMatchObject({ status: "pulled" })
    into = newRoot()
    publisher.tricks.set(
      MODEL,
      Array.from({ length: 3 }, () => answersWith(500)),
    )
    expect(await reasonOf(pull())).toContain("the server answers 500")
  })

  test("gives up a server that falls silent, and asks again", async () => {
    publisher.tricks.set(WEIGHTS, [
      (_request, response, file) => {
        response.writeHead(200, { "content-length": file.byteLength, etag: '"never"' })
        response.write(file.subarray(0, 5))
      },
    ])
    expect(await pull()).toMatchObject({ status: "pulled" })
  })

  test.each<[string, string, () => void, RegExp]>([
    ["404", MODEL, () => publisher.files.delete(MODEL), /model\.json: the server answers 404/],
    ["404 for a shard", WEIGHTS, () => publisher.files.delete(WEIGHTS), /weights\.bin: the server answers 404/],
    [
      "a page instead of a model",
      MODEL,
      () => publisher.files.set(MODEL, Buffer.from("<html>")),
      /is not a TF\.js model/,
    ],
    [
      "JSON that is no model",
      MODEL,
      () => publisher.files.set(MODEL, Buffer.from("{}")),
      /is not a TF\.js model: modelTopology/,
    ],
    [
      "a shard outside the folder",
      MODEL,
      () => {
        const text = Buffer.from(publisher.files.get(MODEL) ?? []).toString()
        publisher.files.set(MODEL, Buffer.from(text.replace('"weights.bin"', '"../../evil.bin"')))
      },
      /weightsManifest\.0\.paths\.0: .*outside/,
    ],
    [
      "fewer bytes than described",
      WEIGHTS,
      () => publisher.files.set(WEIGHTS, Buffer.alloc(50)),
      /50 bytes of weights, its model\.json describes 56/,
    ],
    [
      "more bytes than described",
      WEIGHTS,
      () => publisher.files.set(WEIGHTS, Buffer.alloc(5000)),
      /at most 56 are expected/,
    ],
    [
      "no length, and no end",
      WEIGHTS,
      () => {
        publisher.tricks.set(WEIGHTS, [
          (_request, response) => {
            response.writeHead(200)
            const more = () => response.write(Buffer.alloc(1000), () => setImmediate(more))
            more()
          },
        ])
      },
      /at most 56 are expected/,
    ],
    [
      "a length that is a lie",
      WEIGHTS,
      () => {
        publisher.tricks.set(
          WEIGHTS,
          Array.from({ length: 3 }, () => (_request: unknown, response: import("node:http").ServerResponse) => {
            response.writeHead(200, { "content-length": 56 })
            response.write(Buffer.alloc(3), () => response.destroy())
          }),
        )
      },
      /Cannot fetch .*weights\.bin/,
    ],
    [
      "redirects in a circle",
      MODEL,
      () =>
        publisher.tricks.set(
          MODEL,
          Array.from({ length: 9 }, () => answersWith(302, { location: MODEL })),
        ),
      /redirects more than 5 times/,
    ],
    [
      "a redirect to a file",
      MODEL,
      () => publisher.tricks.set(MODEL, [answersWith(302, { location: "file:///etc/passwd" })]),
      /redirects to file:.*not safe/,
    ],
  ])("refuses %s, and leaves nothing in place", async (_, _path, spoil, message) => {
    spoil()
    expect(await reasonOf(pull())).toMatch(message)
    expect(existsSync(target())).toBe(false)
    expect(existsSync(join(into, "models.lock.json"))).toBe(false)
    expect(existsSync(join(into, "..", "evil.bin"))).toBe(false)
  })

  test("follows a redirect", async () => {
    publisher.files.set("/elsewhere.json", publisher.files.get(MODEL) ?? new Uint8Array())
    publisher.tricks.set(MODEL, [answersWith(307, { location: "/elsewhere.json" })])
    expect(await pull()).toMatchObject({ status: "pulled" })
  })

  test("starts over with a server that answers a range wrongly", async () => {
    publisher.tricks.set(WEIGHTS, [
      breaksOffAfter(10),
      (request, response, file) => {
        request.headers["if-range"] = "none"
        response.writeHead(206, { "content-range": "bytes 0-9/56", "content-length": 10 }).end(file.subarray(0, 10))
      },
      answersWith(416, { "content-range": "bytes */3" }),
      answerWell,
    ])
    await pull({ network: { tries: 5, retryBaseMs: 1 } })
    expect(readFileSync(join(target(), "weights.bin"))).toEqual(Buffer.from(publisher.files.get(WEIGHTS) ?? []))
  })

  test("refuses other bytes than the first pull locked, says which, and leaves the old model in place", async () => {
    await pull()
    const before = readFileSync(join(target(), "weights.bin"))
    publisher.files.set(WEIGHTS, Buffer.from(publisher.files.get(WEIGHTS) ?? []).fill(7))
    const reason = await reasonOf(pull({ force: true }))
    expect(reason).toMatch(/mobilenet_v2 is refused: .*weights\.bin is [0-9a-f]{16}, locked is [0-9a-f]{16}/)
    expect(readFileSync(join(target(), "weights.bin"))).toEqual(before)
    expect(readdirSync(into).sort()).toEqual(["mobilenet_v2", "models.lock.json"])
  })

  test("a model that does not load is not put in place, nor locked", async () => {
    const check = async () => {
      throw new Error("What came cannot be served")
    }
    expect(await reasonOf(pull({ check }))).toBe("What came cannot be served")
    expect(readdirSync(into)).toEqual([])
  })

  test("keeps what came when it is interrupted", async () => {
    const controller = new AbortController()
    publisher.tricks.set(WEIGHTS, [
      (_request, response, file) => {
        response.writeHead(200, { "content-length": file.byteLength, etag: '"x"' })
        response.write(file.subarray(0, 9), () => setTimeout(() => controller.abort(), 50))
      },
    ])
    await expect(pull({ signal: controller.signal, network: { stallMs: 60_000 } })).rejects.toThrow()
    expect(readFileSync(join(into, ".mobilenet_v2.part/weights.bin.part"))).toHaveLength(9)
  })

  test("puts the old folder back where a run died between the two renames", async () => {
    await pull()
    renameSync(target(), join(into, ".mobilenet_v2.old"))
    expect(await pull()).toMatchObject({ status: "present" })
    expect(readdirSync(into).sort()).toEqual(["mobilenet_v2", "models.lock.json"])
  })

  test("does not run twice at once, and is not kept off by a run that died", async () => {
    writeFileSync(join(into, ".mobilenet_v2.pulling"), String(process.ppid))
    expect(await reasonOf(pull())).toContain(`Process ${process.ppid} is pulling that model now`)
    writeFileSync(join(into, ".mobilenet_v2.pulling"), "")
    expect(await reasonOf(pull())).toContain("Another process is pulling that model now")
    writeFileSync(join(into, ".mobilenet_v2.pulling"), "999999999")
    expect(await pull()).toMatchObject({ status: "pulled" })
  })

  test("refuses a lock file that is none", async () => {
    mkdirSync(into, { recursive: true })
    writeFileSync(join(into, "models.lock.json"), "<<<<<<< HEAD")
    expect(await reasonOf(pull())).toContain("is not a lock file of claimcheck")
  })
})

test("claimcheck models pull says what, from where, how large, under which licence; what does not load is refused", async () => {
  const env = { ...process.env, CLAIMCHECK_MODELS_URL: `${publisher.url}/mirror`, NO_COLOR: "1" }
  const { code, stderr } = await runCli(["models", "pull", "mobilenet_v2", "--into", into], env)
  expect(stderr).toContain(`from     ${publisher.url}${MODEL}`)
  expect(stderr).toContain(`into     ${target()}`)
  expect(stderr).toMatch(/size {5}about 14\.2 MB\n {2}licence {2}Apache-2\.0\n/)
  // The tiny model knows 3 classes, the catalogue promises 1,001.
  expect(stderr).toContain("labels.txt has 1001 labels, the model's output has 3 classes")
  expect(code).toBe(1)
  expect(existsSync(target())).toBe(false)
  const list = await runCli(["models", "pull", "--json"], env)
  expect(JSON.parse(list.stdout).map(({ name }: { name: string }) => name)).toContain("mobilenet_v2")
  expect((await runCli(["models", "pull", "nonesuch"], env)).code).toBe(2)
})
