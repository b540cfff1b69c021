/**
 * Holds the converted model against the original in PyTorch, on the same input tensors, and writes the reference that
 * the tests use. Usage: node verify.mjs <python> <folder of pictures> [<reference.json to write>]
 */
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { loadModel, predict } from "./load.mjs"
import { decode, toInput } from "./preprocess.mjs"

const MAX_DIFFERENCE = 0.01
const [python, folder, referencePath] = process.argv.slice(2)
const here = (path) => fileURLToPath(new URL(path, import.meta.url))

const manifest = JSON.parse(readFileSync(here("../claimcheck.json"), "utf8"))
const labels = readFileSync(here("../labels.txt"), "utf8").trim().split("\n")
const files = readdirSync(folder, { recursive: true })
  .filter((file) => /\.(jpe?g|png)$/i.test(file))
  .sort()
const inputs = files.map((file) => toInput(decode(join(folder, file)), manifest))
const expected = inPyTorch(inputs)
const model = await loadModel(here("../model.json"))

let failures = 0
for (const [i, file] of files.entries()) {
  const [got] = predict(model, [inputs[i]], manifest.input)
  const [first] = top(got, 1)
  const difference = Math.max(...got.map((probability, k) => Math.abs(probability - expected[i][k])))
  const agrees = first === top(expected[i], 1)[0] && difference <= MAX_DIFFERENCE
  if (!agrees) failures++
  print(
    `${agrees ? "same" : "DIFFERENT"}  ${difference.toFixed(5)}  ${got[first].toFixed(3)}  ${labels[first]}  (${file})`,
  )
}
print(`${files.length - failures} of ${files.length}: same top-1, every probability within ${MAX_DIFFERENCE}`)
if (referencePath) writeFileSync(referencePath, reference())
process.exitCode = failures ? 1 : 0

function inPyTorch(tensors) {
  const work = mkdtempSync(join(tmpdir(), "claimcheck-verify-"))
  try {
    const [from, to] = [join(work, "inputs.f32"), join(work, "probabilities.f32")]
    writeFileSync(from, Buffer.concat(tensors.map(bytesOf)))
    execFileSync(python, [here("reference.py"), from, to], { stdio: ["ignore", "ignore", "inherit"] })
    const all = new Float32Array(new Uint8Array(readFileSync(to)).buffer)
    return tensors.map((_, i) => all.subarray(i * labels.length, (i + 1) * labels.length))
  } finally {
    rmSync(work, { recursive: true })
  }
}

function reference() {
  const about =
    "Top-5 of the original network in PyTorch. Decoded with jpeg-js 0.4.4 or fast-png 8, prepared by " +
    "models/efficientnet_lite0/convert/preprocess.mjs; input_sha256 is of the float32 input, little-endian."
  const pictures = files.map((file, i) => [
    file,
    {
      input_sha256: createHash("sha256").update(bytesOf(inputs[i])).digest("hex"),
      top5: top(expected[i], 5).map((k) => ({ class_index: k, probability: Number(expected[i][k].toFixed(4)) })),
    },
  ])
  const json = JSON.stringify({ about, pictures: Object.fromEntries(pictures) }, null, 2)
  return `${json.replace(/\{\s+("class_index": \d+),\s+("probability": \S+)\s+\}/g, "{ $1, $2 }")}\n`
}

function top(probabilities, count) {
  return [...probabilities.keys()].sort((a, b) => probabilities[b] - probabilities[a]).slice(0, count)
}

function bytesOf(floats) {
  return Buffer.from(floats.buffer, floats.byteOffset, floats.byteLength)
}

function print(line) {
  process.stdout.write(`${line}\n`)
}
