import { readFile } from "node:fs/promises"
import { basename, resolve } from "node:path"
import jpeg from "jpeg-js"
import * as z from "zod"
import { ConfigError, parseEnv } from "../lib/env.ts"
import { silentLog } from "../lib/log.ts"
import { checkModel } from "./check/check-model.ts"
import { classifierEnv } from "./config.ts"
import { loadOnnxRuntime } from "./engine/onnx/runtime.ts"
import { chooseCodec } from "./image/open-codec.ts"

const checkEnv = z.object({ CODEC: classifierEnv.shape.CODEC, ENGINE: classifierEnv.shape.ENGINE })

/** Checks one model folder in a process of its own, and prints the report as JSON: `claimcheck models check` runs this. */
async function main([folder = ".", picture = "", runs = "10", id]: readonly string[]) {
  const bytes = picture === "" ? madePicture() : new Uint8Array(await readFile(picture))
  const path = resolve(folder)
  const { CODEC, ENGINE: engine } = parseEnv(checkEnv, process.env)
  if (engine === "native") loadOnnxRuntime()
  const codec = await chooseCodec(CODEC, silentLog)
  // A folder that is hidden while it is copied is checked under the name that it will have.
  const name = basename(path).replace(/^\.+/, "")
  return checkModel({ id: id ?? name, folder: path, codec, engine, picture: bytes, runs: Number(runs) })
}

/** Any picture shows how fast a model is; what it is said to show means nothing. */
function madePicture({ width = 640, height = 480 } = {}): Uint8Array {
  const data = Buffer.alloc(width * height * 4, 255)
  for (let at = 0; at < width * height; at++) {
    const [x, y] = [at % width, Math.floor(at / width)]
    data.set([(x * 255) / width, (y * 255) / height, ((x >> 5) ^ (y >> 5)) % 2 ? 200 : 60], at * 4)
  }
  return jpeg.encode({ width, height, data }, 90).data
}

const report = await main(process.argv.slice(2)).catch((error: unknown) => {
  if (!(error instanceof ConfigError)) throw error
  return { ok: false, code: error.code, message: error.message }
})
process.stdout.write(`${JSON.stringify(report)}\n`)
