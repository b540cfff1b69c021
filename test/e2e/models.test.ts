import { type ChildProcess, spawn } from "node:child_process"
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest"
import { startWasm } from "../../src/classifier/engine/tfjs/start-wasm.ts"
import { flatPng } from "../support/images/images.ts"
import { breaksOffAfter, startPublisher } from "../support/models/model-publisher.ts"
import { newRoot, writeTinyModel } from "../support/models/tiny-model.ts"
import { type Files, graphModelFiles, teachableMachineFiles, writeFiles } from "../support/models/tool-exports.ts"
import { runCli, type Stack, startStack } from "../support/stack/stack-harness.ts"

const SHARED = fileURLToPath(new URL("../../../shared", import.meta.url))
const CLASSIFIER = fileURLToPath(new URL("../../dist/classifier/main.js", import.meta.url))
const hasShared = existsSync(join(SHARED, "models/mobilenet_v2/model.json"))
// A name that says why, so that a run without the model is not taken for a whole one.
const where = hasShared ? "" : " — SKIPPED: ../shared/models/mobilenet_v2 is not here"

const [RED, GREEN] = [[230, 20, 20] as const, [20, 230, 20] as const]
const SOON = { timeout: 60_000, interval: 100 }

type Model = { id: string; version: string; labels: number; languages: string[]; classifiers: number }
type Ticket = {
  status: string
  done: boolean
  model: { id: string; version?: string }
  predictions?: { label: string; probability: number }[]
  queue?: { classifiers: number }
}

const root = newRoot()
let stack: Stack
let health: string

beforeAll(async () => {
  await startWasm()
  writeFiles(join(root, "tm_colours"), await teachableMachineFiles())
  writeFiles(join(root, "graph_colours"), {
    ...(await graphModelFiles()),
    "labels.txt": "red\ngreen\nblue\n",
    "labels.fr.txt": "rouge\nvert\nbleu\n",
  })
  writeTinyModel("broken", { withoutShard: true }, root)
  const roots = [root, ...(hasShared ? [join(SHARED, "models")] : [])].join(":")
  stack = await startStack(["--edge", "node"], { CLAIMCHECK_MODELS: roots, MODEL_LOOK_MS: "100", LANES: "2" })
  await stack.printed(/^ready /m)
  health = `http://127.0.0.1:${stack.env.HEALTH_PORT}`
})
afterAll(async () => {
  await stack?.dispose()
  rmSync(root, { recursive: true, force: true })
})

async function served(): Promise<Model[]> {
  return ((await (await fetch(`${stack.url}/v1/models`)).json()) as { models: Model[] }).models
}

async function classify(
  model: string,
  picture: Uint8Array,
  look: (response: Response) => void = () => undefined,
): Promise<Ticket> {
  const headers = { prefer: "wait=20", "cache-control": "no-cache", "content-type": "image/png" }
  const body = new Uint8Array(picture)
  const response = await fetch(`${stack.url}/v1/classifications?model=${model}`, { method: "POST", body, headers })
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
  look(response)
  return (await response.json()) as Ticket
}

const best = async (model: string, picture: Uint8Array) => (await classify(model, picture)).predictions?.[0]?.label
/** The edge looks at the registry every ten seconds, and after one already when it is asked for a model it does not know. */
const untilServed = (look: (models: Model[]) => void) =>
  vi.waitFor(async () => {
    await expect(classify("nobodys", flatPng(RED))).rejects.toThrow(/unknown_model/)
    look(await served())
  }, SOON)
const versionOf = async (id: string) => (await served()).find((model) => model.id === id)?.version

describe("models served at once", () => {
  test("a Teachable Machine folder and a graph model, each with right answers and its version, beside a broken one", async () => {
    const ids = ["efficientnet_lite0", "graph_colours", ...(hasShared ? ["mobilenet_v2"] : []), "tm_colours"]
    await untilServed((models) => expect(models.map(({ id }) => id)).toEqual(ids))
    const models = await served()
    expect(models.find(({ id }) => id === "graph_colours")?.languages).toEqual(["fr"])
    for (const [model, label] of [
      ["tm_colours", "grün"],
      ["graph_colours", "green"],
    ] as const) {
      const ticket = await classify(model, flatPng(GREEN))
      expect(ticket).toMatchObject({ status: "succeeded", model: { id: model, version: await versionOf(model) } })
      expect(ticket.predictions?.[0]).toMatchObject({ label, probability: expect.toSatisfy((p: number) => p > 0.9) })
    }
  })

  test.skipIf(!hasShared)(`mobilenet_v2 knows a macaw${where}`, async () => {
    expect(await best("mobilenet_v2", readFileSync(join(SHARED, "images/parrot.jpg")))).toBe("macaw")
    expect(await best("efficientnet_lite0", readFileSync(join(SHARED, "images/parrot.jpg")))).toBe("macaw")
  })

  test("health and metrics tell what is served, loaded and broken", async () => {
    const told = (await (await fetch(`${health}/models`)).json()) as {
      models: { id: string; lanes: number; memory_bytes: number }[]
      broken: { id: string; code: string; message: string }[]
    }
    expect(told.broken).toMatchObject([{ id: "broken", code: "missing_file" }])
    const tm = told.models.find(({ id }) => id === "tm_colours")
    expect(tm?.lanes).toBeGreaterThanOrEqual(1)
    expect(tm?.memory_bytes).toBeGreaterThan(0)
    const metrics = await (await fetch(`${health}/metrics`)).text()
    expect(metrics).toMatch(/claimcheck_models_served\{model="tm_colours",version="[0-9a-f]{12}"\} 1/)
    expect(metrics).toMatch(/claimcheck_model_lanes\{model="tm_colours",version="[0-9a-f]{12}"\} [12]/)
    expect(metrics).toMatch(/claimcheck_model_loads_total [1-9]/)
  })

  test("`models check` says what a classifier would find in the folder", async () => {
    const { code, stdout } = await runCli(
      ["models", "check", join(root, "tm_colours"), "--runs", "2", "--json"],
      stack.env,
    )
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ ok: true, version: await versionOf("tm_colours"), picture: { runs: 2 } })
    const broken = await runCli(["models", "check", join(root, "broken")], { ...stack.env, NO_COLOR: "1" })
    expect(broken).toMatchObject({ code: 1, stdout: "" })
    expect(broken.stderr).toMatch(
      /^error .*broken: Cannot find shard weights\.bin, which model\.json names \(missing_file\)\n$/,
    )
    expect((await runCli(["models", "check", join(root, "my model")], stack.env)).stderr).toContain("(bad_name)")
  })
})

describe("folders that change while jobs come in", () => {
  test("a replaced one is taken in, and no job fails or is lost", async () => {
    const before = await versionOf("tm_colours")
    const tickets: Promise<Ticket>[] = []
    const next = join(root, ".next")
    writeFiles(next, await teachableMachineFiles(["rosso", "verde", "blu"]))
    const swap = () => {
      renameSync(join(root, "tm_colours"), join(root, ".old"))
      renameSync(next, join(root, "tm_colours"))
    }
    for (let isNew = false, sent = 0; !isNew && sent < 1_000; sent++) {
      if (sent === 5) swap()
      const ticket = classify("tm_colours", flatPng(RED))
      tickets.push(ticket)
      isNew = (await ticket).predictions?.[0]?.label === "rosso"
    }
    const answers = await Promise.all(tickets)
    expect(answers.every(({ status }) => status === "succeeded")).toBe(true)
    expect(answers.map(({ predictions }) => predictions?.[0]?.label)).toEqual([
      ...answers.slice(0, -1).map(() => "rot"),
      "rosso",
    ])
    const after = answers.at(-1)?.model.version
    expect(after).not.toBe(before)
    expect(answers[0]?.model.version).toBe(before)
    await untilServed((models) => expect(models.find(({ id }) => id === "tm_colours")?.version).toBe(after))
  })

  test("one that is half copied does not take down what was served, and is served when it is whole", async () => {
    const before = await versionOf("graph_colours")
    const files: Files = { ...(await graphModelFiles()), "labels.txt": "one\ntwo\nthree\n" }
    const { "weights.bin": weights = "", ...rest } = files
    rmSync(join(root, "graph_colours/labels.fr.txt"))
    writeFiles(join(root, "graph_colours"), { ...rest, "weights.bin": weights.slice(0, 20) })
    await vi.waitFor(async () => {
      const { broken } = (await (await fetch(`${health}/models`)).json()) as { broken: { id: string }[] }
      expect(broken.map(({ id }) => id)).toContain("graph_colours")
    }, SOON)
    expect(await classify("graph_colours", flatPng(RED))).toMatchObject({
      status: "succeeded",
      model: { version: before },
      predictions: [{ label: "red" }, {}, {}],
    })
    writeFiles(join(root, "graph_colours"), { "weights.bin": weights })
    await vi.waitFor(async () => expect(await best("graph_colours", flatPng(RED))).toBe("one"), SOON)
  })

  test("a new one is served, and one that is gone is not", async () => {
    writeTinyModel("latecomer", { labels: ["r", "g", "b"] }, root)
    await vi.waitFor(async () => expect(await best("latecomer", flatPng(RED))).toBe("r"), SOON)
    rmSync(join(root, "latecomer"), { recursive: true })
    await untilServed((models) => expect(models.map(({ id }) => id)).not.toContain("latecomer"))
    expect(await best("tm_colours", flatPng(RED))).toBe("rosso")
  })

  test("one that is gone: an upload is told at once that nobody serves it, and is moved or dropped by command", async () => {
    const env = { ...stack.env, CLAIMCHECK_URL: stack.url, NO_COLOR: "1" }
    const picture = join(root, ".red.png")
    writeFileSync(picture, flatPng(RED))
    const sent: ChildProcess[] = []
    const asked = runCli(["classify", "--model", "latecomer", "--no-cache", picture], env, (child) => sent.push(child))
    let said = ""
    sent[0]?.stderr?.on("data", (data) => (said += String(data)))
    await vi.waitFor(() => expect(said).toMatch(/waiting No classifier serves latecomer now/), SOON)
    // Who prefers to wait is not kept for what cannot come, and does not learn that it was waited.
    const waited: (string | null)[] = []
    const ticket = await classify("latecomer", flatPng(GREEN), ({ headers }) =>
      waited.push(headers.get("preference-applied")),
    )
    expect(waited).toEqual([null])
    expect(ticket).toMatchObject({
      status: "queued",
      queue: { classifiers: 0, notice: expect.stringContaining("latecomer") },
    })

    const queue = await runCli(["queue"], env)
    expect(queue.stdout).toMatch(/nobody serves latecomer: 2 jobs wait; claimcheck queue move latecomer TO/)
    const models = await runCli(["models"], env)
    expect(models.stdout).toMatch(/not served latecomer: last seen/)
    expect(models.stdout).toMatch(/broken broken: Cannot find shard weights\.bin, .* \(missing_file\)/)

    const refused = await runCli(["queue", "move", "latecomer", "nobodys", "--yes"], env)
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("no classifier serves it now; there are"),
    })
    const unasked = await runCli(["queue", "drop", "latecomer"], env)
    expect(unasked).toMatchObject({ code: 2, stderr: expect.stringContaining("Drop 2 jobs for latecomer.") })
    const moved = await runCli(["queue", "move", "latecomer", "tm_colours", "--yes", "--json"], env)
    expect(JSON.parse(moved.stdout)).toEqual({ moved: 2, lists: 0 })
    const { code, stdout } = await asked
    expect([code, stdout]).toEqual([0, expect.stringContaining("rosso")])

    await classify("latecomer", flatPng(GREEN))
    const dropped = await runCli(["queue", "drop", "latecomer", "--yes", "--json"], env)
    expect(JSON.parse(dropped.stdout)).toEqual({ dropped: 1, lists: 0 })
  })

  test.skipIf(!hasShared)(`one that \`models pull\` fetches is served as soon as it is there${where}`, async () => {
    const from = join(SHARED, "models/mobilenet_v2")
    const names = readdirSync(from).filter((name) => name.endsWith(".json") || name.endsWith(".bin"))
    const at = (name: string) => `/savedmodel/mobilenet_v2_1.0_224/${name}`
    const publisher = await startPublisher(
      Object.fromEntries(names.map((name) => [at(name), readFileSync(join(from, name))])),
    )
    onTestFinished(publisher.close)
    publisher.tricks.set(at("group1-shard1of2.bin"), [breaksOffAfter(1_000_000)])
    const before = await versionOf("mobilenet_v2")
    const pull = () =>
      runCli(["models", "pull", "mobilenet_v2", "--from", publisher.url, "--into", root, "--json"], stack.env)
    const { code, stdout, stderr } = await pull()
    expect([code, JSON.parse(stdout || "{}").status], stderr).toEqual([0, "pulled"])
    expect(publisher.requests.filter((line) => /shard1of2\.bin bytes=\d{3,}-/.test(line))).toHaveLength(1)
    await untilServed((models) => {
      const model = models.find(({ id }) => id === "mobilenet_v2")
      expect([model?.version === before, model?.languages]).toEqual([false, ["en"]])
    })
    expect(await best("mobilenet_v2", readFileSync(join(SHARED, "images/parrot.jpg")))).toBe("macaw")
    expect(JSON.parse((await pull()).stdout)).toMatchObject({ status: "present" })
  })
})

test("classifiers serve different sets, and each job goes to one that has its model", async () => {
  const other = writeTinyModel("only_there", { labels: ["r2", "g2", "b2"] })
  const classifier = await startClassifier(other)
  await vi.waitFor(async () => expect(await best("only_there", flatPng(RED))).toBe("r2"), SOON)
  // A classifier says which models it has before it says that it works.
  await untilServed((models) => {
    const classifiersOf = Object.fromEntries(models.map(({ id, classifiers }) => [id, classifiers]))
    expect(classifiersOf).toMatchObject({ only_there: 1, tm_colours: 1, efficientnet_lite0: 2 })
  })
  expect(await best("tm_colours", flatPng(RED))).toBe("rosso")

  classifier.kill("SIGTERM")
  await new Promise((resolve) => classifier.once("exit", resolve))
  await untilServed((now) => expect(now.map(({ id }) => id)).not.toContain("only_there"))
  const waiting = await fetch(`${stack.url}/v1/classifications?model=only_there`, {
    method: "POST",
    body: new Uint8Array(flatPng(GREEN)),
    headers: { "content-type": "image/png" },
  })
  expect(waiting.status).toBe(202)
  expect(await waiting.json()).toMatchObject({ status: "queued", queue: { classifiers: 0 } })
})

/** Another classifier at the stack's queue. It brings the models of the package, as each does, and those of the folder. */
async function startClassifier(models: string): Promise<ChildProcess> {
  const { rest } = JSON.parse(readFileSync(join(stack.home, "run.json"), "utf8")) as {
    rest: { url: string; token: string }
  }
  const env = {
    ...stack.env,
    UPSTASH_REDIS_REST_URL: rest.url,
    UPSTASH_REDIS_REST_TOKEN: rest.token,
    CLAIMCHECK_MODELS: models,
    HEALTH_PORT: "0",
    LANES: "1",
  }
  const child = spawn(process.execPath, [CLASSIFIER], { env, stdio: ["ignore", "pipe", "inherit"] })
  onTestFinished(() => void child.kill("SIGKILL"))
  let output = ""
  child.stdout.on("data", (data) => (output += String(data)))
  await vi.waitFor(() => expect(output).toContain("classifier.ready"), SOON)
  return child
}
