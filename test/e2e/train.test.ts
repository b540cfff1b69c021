import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest"
import { flatPng } from "../support/images/images.ts"
import { newRoot, writeTinyModel } from "../support/models/tiny-model.ts"
import { runCli, type Stack, startStack } from "../support/stack/stack-harness.ts"

// Each starts the CLI, which loads models, several times: seconds, and minutes on a machine at work.
vi.setConfig({ testTimeout: 300_000 })

const models = newRoot()
const work = newRoot()
let stack: Stack

beforeAll(async () => {
  writeTinyModel("colours", { kind: "graph" }, models)
  const given = { CLAIMCHECK_MODELS: models, MODEL_LOOK_MS: "100", XDG_CACHE_HOME: join(work, "cache") }
  stack = await startStack(["--edge", "node"], given)
  await stack.printed(/^ready /m)
  await vi.waitFor(async () => expect((await cli(["models", "--json"])).stdout).toContain("colours"), {
    timeout: 60_000,
  })
})
afterAll(() => stack?.dispose())

const cli = (args: readonly string[], { env = {}, ...rest }: { env?: NodeJS.ProcessEnv; during?: During } = {}) =>
  runCli(args, { ...stack.env, CLAIMCHECK_URL: stack.url, ...env }, rest.during)
type During = Parameters<typeof runCli>[2]

const train = (folder: string, name: string, more: readonly string[] = [], options: Parameters<typeof cli>[1] = {}) =>
  cli(["train", folder, "--name", name, "--out", models, "--json", ...more], options)

/** A folder of nearly red and nearly blue pictures, each of its own shade. */
function writePictures(name: string, count: number, labels = ["красный", "青 い"]): string {
  const folder = join(work, name)
  for (const [which, label] of labels.entries()) {
    mkdirSync(join(folder, label, "more"), { recursive: true })
    for (let index = 0; index < count; index++) {
      const shade = [200 + (index % 50), Math.floor(index / 50), 10] as const
      const colour = which === 0 ? shade : ([shade[2], shade[1], shade[0]] as const)
      writeFileSync(join(folder, label, index % 2 ? "more" : "", `${index}.png`), flatPng(colour))
    }
  }
  return folder
}

describe("claimcheck train", () => {
  test("makes a model of a folder that is served at once", async () => {
    const folder = writePictures("pets", 6)
    const copy = flatPng([1, 2, 3])
    for (const label of ["красный", "青 い"]) writeFileSync(join(folder, label, "both.png"), copy)
    writeFileSync(join(folder, "красный", "copy.png"), readFileSync(join(folder, "красный", "0.png")))
    writeFileSync(join(folder, "красный", "damaged.png"), flatPng([9, 9, 9]).slice(0, 60))
    writeFileSync(join(folder, "красный", "text.jpg"), "not a picture")

    const first = await train(folder, "pets", ["--reject"])
    expect(first).toMatchObject({ code: 0 })
    const line = JSON.parse(first.stdout)
    expect(line).toEqual({
      model: "pets",
      version: expect.stringMatching(/^[0-9a-f]{12}$/),
      folder: join(models, "pets"),
      classes: 2,
      pictures: 12,
      skipped: 5,
      accuracy: { value: 1, low: expect.any(Number), high: 1, how: "cross-validation" },
      ms: expect.any(Number),
    })
    for (const name of ["both.png", "copy.png", "damaged.png", "text.jpg"]) expect(first.stderr).toContain(name)
    expect(readdirSync(models).filter((name) => name.startsWith("."))).toEqual([])

    const picture = join(work, "new.png")
    writeFileSync(picture, flatPng([12, 3, 222]))
    const asked = await cli(["classify", "--json", "--model", "pets", picture])
    expect(JSON.parse(asked.stdout)).toMatchObject({ model: { id: "pets", version: line.version } })
    expect(JSON.parse(asked.stdout).predictions[0].label).toBe("青 い")
    writeFileSync(picture, flatPng([10, 240, 10]))
    const grass = JSON.parse((await cli(["classify", "--json", "--model", "pets", picture])).stdout)
    const { unknown_below: below } = JSON.parse(readFileSync(join(models, "pets", "claimcheck.json"), "utf8"))
    expect(grass.unknown ?? false).toBe(grass.predictions[0].probability < below)
    expect((await cli(["models", "check", join(models, "pets")])).code).toBe(0)

    const card = readFileSync(join(models, "pets", "README.md"), "utf8")
    expect(card).toContain("efficientnet_lite0")
  })

  test("killed in the middle and run again ends with the same model, bit for bit", async () => {
    const folder = writePictures("many", 40)
    const base = ["--base", join(models, "colours"), "-c", "1"]
    const cache = join(work, "cache", "claimcheck", "features")
    const sizeOf = () =>
      readdirSync(cache).flatMap((name) => (name.startsWith("colours@") ? statSync(join(cache, name)).size : []))[0] ??
      0
    const endAt = (bytes: number, signal: NodeJS.Signals): During => {
      return (child) => {
        const look = setInterval(() => {
          if (!existsSync(cache) || sizeOf() <= bytes) return
          clearInterval(look)
          child.kill(signal)
        }, 5)
        child.once("close", () => clearInterval(look))
      }
    }
    const stopped = await train(folder, "many", base, { during: endAt(300, "SIGINT") })
    expect(stopped.code).toBe(130)
    expect(stopped.stderr).toMatch(/Interrupted: \d+ images known by now\. The same command goes on from there/)
    const killed = await train(folder, "many", base, { during: endAt(1_000, "SIGKILL") })
    expect(killed.code).toBeNull()
    const [before, whole] = [sizeOf(), 4 + 80 * (32 + 12)]
    expect(before).toBeLessThan(whole)
    expect(existsSync(join(models, "many"))).toBe(false)
    const again = JSON.parse((await train(folder, "many", base)).stdout)
    expect(sizeOf()).toBe(whole)
    const files = (name: string) =>
      ["model.json", "group1-shard1of1.bin"].map((file) => readFileSync(join(models, name, file)))
    const [made] = [files("many")]
    const fresh = await train(folder, "fresh", base, { env: { XDG_CACHE_HOME: join(work, "other-cache") } })
    expect(JSON.parse(fresh.stdout).accuracy).toEqual(again.accuracy)
    expect(files("fresh")).toEqual(made)
  })

  test("measures on what is held back, or on another folder", async () => {
    const folder = writePictures("shades", 10)
    const other = writePictures("other", 12, ["КРАСНЫЙ", "зелёный"])
    const base = ["--base", join(models, "colours")]
    const held = JSON.parse((await train(folder, "held", [...base, "--holdout", "0.2"])).stdout)
    expect(held).toMatchObject({ pictures: 16, accuracy: { value: 1, how: "holdout" } })
    const val = await train(folder, "val", [...base, "--val", other])
    expect(val.stderr).toContain("зелёный")
    expect(JSON.parse(val.stdout)).toMatchObject({ pictures: 20, accuracy: { value: 1, how: "val" } })
  })

  test("refuses what would overwrite somebody's model, or makes no sense, before any work", async () => {
    const folder = writePictures("few", 1)
    for (const [more, words] of [
      [["--name", "colours"], "was not made by train"],
      [["--name", "x", "--base", "nowhere"], "Cannot find the model nowhere"],
      [["--name", "efficientnet_lite0"], "the model it is made of"],
      [["--name", "ä ö"], "letters, digits"],
      [["--name", "x"], "has 1 usable image, and needs 2"],
    ] as const) {
      const refused = await cli(["train", folder, "--out", models, ...more])
      expect(refused.code).not.toBe(0)
      expect(refused.stderr).toContain(words)
      expect(refused.stdout).toBe("")
    }
  })
})

describe("claimcheck evaluate", () => {
  const evaluate = (folder: string, more: readonly string[] = [], options: Parameters<typeof cli>[1] = {}) =>
    cli(["evaluate", folder, "--model", "colours", "--json", ...more], options)

  test("measures a served model, and writes a page of what went wrong", async () => {
    const folder = writePictures("held-out", 3, ["RED", "blue"])
    // One that shows something else, with a name that is markup.
    writeFileSync(join(folder, "RED", `a "b" <i>#%.png`), flatPng([10, 240, 10]))
    writeFileSync(join(folder, "blue", "text.png"), "not a picture")
    mkdirSync(join(folder, "unicorn"))
    writeFileSync(join(folder, "unicorn", "1.png"), flatPng([1, 2, 3]))
    const report = join(work, "report.html")
    const ended = await evaluate(folder, ["--report", report, "--min-accuracy", "0.9", "--compare", "colours"])
    expect(ended.stderr).toContain("colours has no such label: unicorn")
    expect(ended.stderr).toMatch(/skipped.*text\.png/)
    expect(ended.stderr).toContain("The accuracy is 85.7%, and --min-accuracy asks for 90.0%")
    expect(ended.code).toBe(1)
    const line = JSON.parse(ended.stdout)
    expect(line).toMatchObject({
      model: "colours",
      version: expect.stringMatching(/^[0-9a-f]{12}$/),
      pictures: 7,
      skipped: 1,
      unlabelled: ["unicorn"],
      top1: { value: 6 / 7 },
      top5: { value: 1 },
      per_class: [
        { label: "red", pictures: 4, right: 3, other: 1, precision: 1, recall: { value: 0.75 } },
        { label: "blue", pictures: 3, right: 3, other: 0, precision: 1, f1: 1 },
      ],
      confusion: [
        [3, 0],
        [0, 3],
      ],
      compare: { model: "colours", pictures: 7, only_first: 0, only_other: 0, p: 1 },
    })
    const page = readFileSync(report, "utf8")
    expect(page).toContain("a &quot;b&quot; &lt;i&gt;#%.png")
    expect(page).toContain('href="./held-out/RED/a%20%22b%22%20%3Ci%3E%23%25.png"')
    expect(page.match(/src="data:image\/jpeg;base64,/g)).toHaveLength(7)
    expect(page).not.toMatch(/<script|https?:/)

    const shown = await cli(["evaluate", folder, "--model", "colours", "--min-accuracy", "0.8"])
    expect(shown).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/sure +is +named +file\n.*red +green +.*#%\.png/),
    })
  })

  test("refuses what cannot work before it asks about images", async () => {
    const folder = writePictures("refused", 1, ["red", "blue"])
    const strange = writePictures("strange", 1, ["cat", "dog"])
    mkdirSync(join(work, "nothing"))
    const cases = [
      [[folder, "--report", join(work, "gone", "report.html")], 2, "there is no such folder"],
      [[folder, "--report", work], 2, "it is a folder"],
      [[folder, "--model", "nowhere"], 1, "The server does not serve nowhere: it has colours"],
      [[folder, "--compare", "nowhere"], 1, "--compare names another"],
      [[folder, "--min-accuracy", "90"], 2, "from 0 to 1"],
      [[strange], 1, "No folder is a class of colours: there are cat, dog; its labels are "],
      [[join(work, "nothing")], 2, "has no folders of images"],
    ] as const
    const ended = await Promise.all(cases.map(([[first, ...more]]) => evaluate(first, more)))
    for (const [index, [, code, words]] of cases.entries()) {
      expect(ended[index]).toMatchObject({ code, stdout: "", stderr: expect.stringContaining(words) })
    }
  })
})

test("claimcheck embed writes features that NumPy reads", async () => {
  const out = join(work, "features.npy")
  const folder = join(writePictures("embed", 3), "青 い")
  expect((await cli(["embed", "--model", "colours", "-r", "--out", out, folder])).code).toBe(0)
  const bytes = readFileSync(out)
  expect(bytes.toString("latin1", 0, 128)).toContain("'descr': '<f4', 'fortran_order': False, 'shape': (3, 3), }")
  expect(bytes).toHaveLength(128 + 3 * 3 * 4)
  expect(bytes.readFloatLE(128)).toBeCloseTo((10 - 127.5) / 127.5, 4)
  expect(readFileSync(join(work, "features.files.txt"), "utf8").trim().split("\n")).toHaveLength(3)
})
