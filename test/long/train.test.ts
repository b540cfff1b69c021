import { existsSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { newRoot } from "../support/models/tiny-model.ts"
import { runCli, type Stack, startStack } from "../support/stack/stack-harness.ts"

const TRASH = fileURLToPath(new URL("../../../shared/datasets/trash", import.meta.url))
// A name that says why, so that a run without the pictures is not taken for a whole one.
const where = existsSync(TRASH) ? "" : " — SKIPPED: ../shared/datasets/trash is not here"

const models = newRoot()
const work = newRoot()

describe.skipIf(!existsSync(TRASH))(`claimcheck train on photographs of rubbish${where}`, () => {
  let stack: Stack
  beforeAll(async () => {
    stack = await startStack(["--edge", "node"], { CLAIMCHECK_MODELS: models, XDG_CACHE_HOME: join(work, "cache") })
    await stack.printed(/^ready /m)
  })
  afterAll(() => stack?.dispose())

  const cli = (...args: string[]) => runCli(args, { ...stack.env, CLAIMCHECK_URL: stack.url })

  test("learns as well from 200 as scikit-learn does on the same features, in the time of classifying them", async () => {
    await cli("classify", "sample:pumpkin")
    const startedMs = performance.now()
    expect((await cli("classify", "--no-cache", "-c", "8", "-r", join(TRASH, "train"))).code).toBe(0)
    const classifyMs = performance.now() - startedMs
    const made = await cli(
      ...["train", join(TRASH, "train"), "--name", "trash", "--out", models, "--json"],
      ...["--val", join(TRASH, "test")],
    )
    const { accuracy, pictures, ms } = JSON.parse(made.stdout)
    // LogisticRegression of scikit-learn 1.9: 76 of 100.
    expect(accuracy.value).toBeGreaterThanOrEqual(0.75)
    expect(pictures).toBe(200)
    // 300 pictures against 200: as much time a picture, and a half more.
    expect(ms).toBeLessThan(1.5 * 1.5 * classifyMs)
    const again = JSON.parse(
      (await cli("train", join(TRASH, "train"), "--name", "again", "--out", models, "--json")).stdout,
    )
    expect(again.ms).toBeLessThan(classifyMs)
  })
})
