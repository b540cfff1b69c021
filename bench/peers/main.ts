// Our lane and our queue beside what one would take instead, on the same pictures and the same cores.
//   npm install --prefix bench/peers
//   npm run bench:peers -- --onnx efficientnet_lite0.onnx [--pictures ../shared/images/imagenet] [--seconds 10] [--jobs 200]
// The ONNX file is the embedded network, made by bench/peers/export_onnx.py. Each contender runs in a process of its own.
import { execFile } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { availableParallelism, tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs, promisify } from "node:util"
import sharp from "sharp"
import { Claimcheck } from "../../src/lib/client/claimcheck.ts"
import { startRedis } from "../../test/support/redis/redis-server.ts"
import { fullQueue } from "../full-queue.ts"
import { groupUse } from "../process-use.ts"
import { startBenchStack } from "../stack.ts"
import { barChart } from "./bar-chart.ts"

const { values } = parseArgs({
  options: {
    onnx: { type: "string" },
    pictures: { type: "string", default: "../shared/images/imagenet" },
    seconds: { type: "string", default: "10" },
    jobs: { type: "string", default: "200" },
  },
})
const { onnx } = values
if (onnx === undefined) throw new Error("Say --onnx FILE: bench/peers/export_onnx.py makes it")
const seconds = Number(values.seconds)
const jobs = Number(values.jobs)
const threads = availableParallelism()
const SIZES = { small: null, "720p": [1280, 720], "1080p": [1920, 1080], "12 MP": [4000, 3000] } as const
const LANES = ["lane", "lane portable", "ort-web", "ort-node"] as const
const print = (line: string) => process.stdout.write(`${line}\n`)

type Result = { perSecond: number; cpuMs: number; peakMb: number; p50Ms?: number; p99Ms?: number; answers?: number[] }

async function run(script: string, options: object): Promise<Result> {
  const file = fileURLToPath(new URL(script, import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, [file, JSON.stringify(options)], { maxBuffer: 1e8 })
  return JSON.parse(stdout)
}

/** The same scenes at every size, as cameras write them: quality 90, and grain, which a picture made larger has lost. */
async function makePictures(home: string, name: string, size: readonly [number, number] | null): Promise<string> {
  const folder = join(home, name)
  mkdirSync(folder)
  const sources = readdirSync(values.pictures).filter((file) => /\.(jpe?g|png)$/i.test(file))
  for (const source of size === null ? sources : sources.slice(0, 6)) {
    const bytes = readFileSync(join(values.pictures, source))
    if (size === null) {
      writeFileSync(join(folder, source), bytes)
      continue
    }
    const [width, height] = size
    const grain = { width, height, channels: 3 as const, noise: { type: "gaussian" as const, mean: 128, sigma: 12 } }
    const noise = await sharp({ create: { ...grain, background: "#888" } })
      .png({ compressionLevel: 0 })
      .toBuffer()
    const picture = sharp(bytes)
      .resize(width, height, { fit: "cover" })
      .composite([{ input: noise, blend: "soft-light" }])
    writeFileSync(join(folder, source), await picture.jpeg({ quality: 90 }).toBuffer())
  }
  return folder
}

async function claimcheckQueue(folder: string): Promise<Result> {
  const pictures = readdirSync(folder).map((file) => new Uint8Array(readFileSync(join(folder, file))))
  const stack = await startBenchStack("node", { MAX_IMAGE_BYTES: "32000000" })
  try {
    const client = new Claimcheck({ url: stack.url })
    for (const picture of pictures.slice(0, threads)) await client.classify(picture, { noCache: true })
    const before = groupUse(stack.groupOf("classifier"))
    const { perSecond } = await fullQueue(stack, { client, pictures, jobs })
    const after = groupUse(stack.groupOf("classifier"))
    return { perSecond, cpuMs: (after.cpuMs - before.cpuMs) / jobs, peakMb: after.peakMb }
  } finally {
    await stack.stop()
  }
}

async function bullmqQueue(folder: string): Promise<Result> {
  const redis = await startRedis()
  try {
    return await run("run-bullmq.mjs", { redis: redis.url, folder, threads, jobs, onnx })
  } finally {
    await redis.stop()
  }
}

const home = mkdtempSync(join(tmpdir(), "claimcheck-peers-"))
try {
  print(`${threads} threads; ${seconds} s a lane, ${jobs} jobs a queue; CPU is that of the process that infers`)
  print("| pictures | contender | pictures/s | p50 | p99 | CPU a picture | peak memory | same top-1 as ONNX Runtime |")
  print("|---|---|---|---|---|---|---|---|")
  const bars: { group: string; name: string; value: number }[] = []
  for (const [group, size] of Object.entries(SIZES)) {
    const folder = await makePictures(home, group, size)
    const contenders: Record<string, () => Promise<Result>> = Object.fromEntries(
      LANES.map((contender) => [contender, () => run("run-lane.mjs", { contender, folder, threads, seconds, onnx })]),
    )
    contenders["claimcheck, full queue"] = () => claimcheckQueue(folder)
    contenders["BullMQ + ort-node, full queue"] = () => bullmqQueue(folder)
    const results = new Map<string, Result>()
    for (const [name, measure] of Object.entries(contenders)) results.set(name, await measure())
    const reference = results.get("ort-node")?.answers ?? []
    for (const [name, { perSecond, p50Ms, p99Ms, cpuMs, peakMb, answers }] of results) {
      const ms = (value: number | undefined) => (value === undefined ? "" : `${value.toFixed(0)} ms`)
      const same = answers?.filter((answer, i) => answer === reference[i]).length
      const agree = same === undefined ? "" : `${same} of ${reference.length}`
      print(
        `| ${[group, name, perSecond.toFixed(1), ms(p50Ms), ms(p99Ms), `${cpuMs.toFixed(1)} ms`, `${peakMb.toFixed(0)} MB`, agree].join(" | ")} |`,
      )
      bars.push({ group, name, value: perSecond })
    }
  }
  writeFileSync(new URL("../../docs/peers.svg", import.meta.url), barChart("Pictures a second", bars))
} finally {
  rmSync(home, { recursive: true, force: true })
}
