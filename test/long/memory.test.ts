import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import sharp from "sharp"
import { expect, onTestFinished, test } from "vitest"
import { groupUse } from "../../bench/process-use.ts"
import { startStack } from "../support/stack/stack-harness.ts"

const MODELS = fileURLToPath(new URL("../../../shared/models", import.meta.url))
const isHere = existsSync(`${MODELS}/mobilenet_v2/model.json`)

test.skipIf(!isHere)(
  "a classifier of one lane with MobileNetV2 peaks under 360 MB, photos of 12 megapixels and progressive ones included (skipped without ../shared)",
  async () => {
    const env = { LANES: "1", CLAIMCHECK_MODELS: MODELS, DEFAULT_MODEL: "mobilenet_v2", MAX_IMAGE_BYTES: "16000000" }
    const stack = await startStack(["--edge", "node"], env)
    onTestFinished(stack.dispose)
    await stack.printed(/^ready /m)
    for (const progressive of [false, true]) {
      const photo = await grainyPhoto(progressive)
      for (let i = 0; i < 10; i++) {
        const response = await fetch(`${stack.url}/v1/classifications`, {
          method: "POST",
          headers: { prefer: "wait=30", "cache-control": "no-cache" },
          body: photo,
        })
        expect(await response.json()).toMatchObject({ status: "succeeded", model: { id: "mobilenet_v2" } })
      }
      const { peakMb } = groupUse(stack.groupOf("classifier"))
      process.stdout.write(`one lane, ${progressive ? "progressive" : "baseline"}: ${peakMb.toFixed(0)} MB\n`)
      expect(peakMb).toBeLessThan(360)
    }
  },
)

/** 12 megapixels as cameras write them: with grain, which makes the file large. */
async function grainyPhoto(progressive: boolean): Promise<Uint8Array<ArrayBuffer>> {
  const noise = { type: "gaussian" as const, mean: 128, sigma: 12 }
  const create = { width: 4000, height: 3000, channels: 3 as const, background: "#888", noise }
  return new Uint8Array(await sharp({ create }).jpeg({ quality: 85, progressive }).toBuffer())
}
