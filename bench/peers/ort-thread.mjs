// One thread of a peer: sharp decodes and resizes, ONNX Runtime infers on this one core. Bytes in, class index out.
import { readFileSync } from "node:fs"
import { parentPort, workerData } from "node:worker_threads"
import sharp from "sharp"

const SIDE_PX = 224
const RESIZED_PX = 256
const MEAN = 127
const STD = 128

const { runtime, onnx } = workerData
sharp.concurrency(1)
sharp.cache(false)
const ort = await import(runtime === "web" ? "onnxruntime-web" : "onnxruntime-node")
if (runtime === "web") ort.env.wasm.numThreads = 1
const session = await ort.InferenceSession.create(readFileSync(onnx), {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionProviders: [runtime === "web" ? "wasm" : "cpu"],
})
const input = new Float32Array(3 * SIDE_PX * SIDE_PX)

async function classify(bytes) {
  const rgb = await sharp(bytes)
    .rotate()
    .resize(RESIZED_PX, RESIZED_PX, { fit: "cover" })
    .extract({ left: 16, top: 16, width: SIDE_PX, height: SIDE_PX })
    .removeAlpha()
    .toColourspace("srgb")
    .raw()
    .toBuffer()
  const plane = SIDE_PX * SIDE_PX
  for (let i = 0; i < plane; i++) {
    for (let channel = 0; channel < 3; channel++) input[channel * plane + i] = (rgb[i * 3 + channel] - MEAN) / STD
  }
  const { probabilities } = await session.run({ input: new ort.Tensor("float32", input, [1, 3, SIDE_PX, SIDE_PX]) })
  return probabilities.data.indexOf(Math.max(...probabilities.data))
}

parentPort.on("message", async ({ number, bytes }) => {
  parentPort.postMessage({ number, index: await classify(bytes) })
})
parentPort.postMessage("ready")
