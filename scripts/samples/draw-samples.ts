// Draws the samples into src/page/samples, each only if the embedded model names it rightly. `npx tsx scripts/samples/draw-samples.ts`
import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import sharp from "sharp"
import { classify } from "../../src/classifier/lane/classify.ts"
import { startWasm } from "../../src/classifier/lane/start-wasm.ts"
import { loadModel } from "../../src/classifier/models/load-model.ts"
import { type Drawing, drawings } from "./drawings.ts"

const MODEL = "efficientnet_lite0"
/** Decoders differ by a little: an answer that is only just right could be another one elsewhere. */
const MIN_PROBABILITY = 0.4
const folder = new URL("../../src/page/samples/", import.meta.url)

await startWasm()
const model = await loadModel(MODEL, fileURLToPath(new URL(`../../models/${MODEL}`, import.meta.url)))
const context = {
  models: new Map([[MODEL, model]]),
  limits: { maxPixels: 1e6, maxBytes: 1e6, maxDecodeBytes: 2 ** 28 },
  isStopped: () => false,
  nowMs: () => performance.now(),
}
rmSync(folder, { recursive: true, force: true })
mkdirSync(folder, { recursive: true })
const kept: Drawing[] = []
for (const drawing of drawings) {
  const jpeg = await sharp(Buffer.from(drawing.svg)).jpeg({ quality: 66, mozjpeg: true }).toBuffer()
  const first = classify({ modelId: MODEL, bytes: new Uint8Array(jpeg), topK: 1 }, context)?.predictions[0]
  const isRight = first?.label === drawing.label && first.probability >= MIN_PROBABILITY
  const said = `${first?.label} ${Math.round((first?.probability ?? 0) * 100)} %`
  process.stdout.write(`${isRight ? "kept" : "LEFT"}  ${drawing.name.padEnd(14)} ${jpeg.length} bytes  ${said}\n`)
  if (!isRight) continue
  kept.push(drawing)
  writeFileSync(new URL(`${drawing.name}.jpg`, folder), jpeg)
}
const list = kept.map(({ name, label }) => ({ name, label }))
writeFileSync(new URL("samples.json", folder), `${JSON.stringify(list, null, 2)}\n`)
process.stdout.write(`${kept.length} of ${drawings.length} kept\n`)
