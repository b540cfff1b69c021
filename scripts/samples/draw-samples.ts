// Draws the samples into src/page/samples, each only if the embedded model names it rightly. `npx tsx scripts/samples/draw-samples.ts`
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import sharp from "sharp"
import { loadModel } from "../../src/classifier/engine/tfjs/load-model.ts"
import { startWasm } from "../../src/classifier/engine/tfjs/start-wasm.ts"
import { CODEC_NAMES } from "../../src/classifier/image/codec.ts"
import { openCodec } from "../../src/classifier/image/open-codec.ts"
import { classify } from "../../src/classifier/operations/classify.ts"
import { type Drawing, drawings } from "./drawings.ts"

const MODEL = "efficientnet_lite0"
/** Decoders differ by a little: an answer that is only just right could be another one elsewhere. */
const MIN_PROBABILITY = 0.4
const folder = new URL("../../src/page/samples/", import.meta.url)

// Drawn first: the native codec makes sharp forget SVG, which nobody should send us.
const drawn = await Promise.all(drawings.map(async (drawing) => ({ ...drawing, jpeg: await draw(drawing) })))
await startWasm()
const model = await loadModel(MODEL, fileURLToPath(new URL(`../../models/${MODEL}`, import.meta.url)))
const codecs = await Promise.all(CODEC_NAMES.map(openCodec))
const context = {
  model,
  limits: { maxPixels: 1e6, maxSidePx: 65_535, maxBytes: 1e6, maxDecodeBytes: 2 ** 28, maxDecodeMs: 10_000 },
  isStopped: () => false,
  nowMs: () => performance.now(),
}

rmSync(folder, { recursive: true, force: true })
mkdirSync(folder, { recursive: true })
const kept: { name: string; label: string }[] = []
for (const { name, label, jpeg } of drawn) {
  const said: string[] = []
  let isRight = true
  for (const codec of codecs) {
    const job = { operation: { name: "classify", topK: 1 }, bytes: new Uint8Array(jpeg) } as const
    const first = (await classify(job, { ...context, codec }))?.predictions?.[0]
    isRight &&= first?.label === label && first.probability >= MIN_PROBABILITY
    said.push(`${first?.label} ${Math.round((first?.probability ?? 0) * 100)} %`)
  }
  const verdict = isRight ? "kept" : "LEFT"
  process.stdout.write(`${verdict}  ${name.padEnd(14)} ${jpeg.length} bytes  ${said.join(", ")}\n`)
  if (!isRight) continue
  kept.push({ name, label })
  writeFileSync(new URL(`${name}.jpg`, folder), jpeg)
}
writeFileSync(new URL("samples.json", folder), `${JSON.stringify(kept, null, 2)}\n`)
process.stdout.write(`${kept.length} of ${drawings.length} kept\n`)

function draw({ svg }: Drawing): Promise<Buffer> {
  return sharp(Buffer.from(svg)).jpeg({ quality: 66, mozjpeg: true }).toBuffer()
}
