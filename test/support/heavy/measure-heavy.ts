import { type ChildProcess, fork } from "node:child_process"
import { once } from "node:events"
import { fileURLToPath } from "node:url"
import { AppError } from "../../../src/lib/app-error.ts"
import { readImageHeader, refuseLargeImage, seenImage } from "../../../src/lib/images/image-header.ts"
import { planOutput } from "../../../src/lib/operations/operations.ts"
import { refuseLargeOutput } from "../../../src/lib/operations/planned-output.ts"
import { type HeavyPicture, heavyPicture } from "./heavy-pictures.ts"

const PROCESS = fileURLToPath(new URL("lane-process.mjs", import.meta.url))
/** As they are by default. */
const LIMITS = { maxPixels: 50_000_000, maxSidePx: 65_535, maxBytes: 8_000_000, maxOutputBytes: 8_000_000 }
/** How long one picture may take here before its process is ended. */
const PATIENCE_MS = 120_000

export type Taken = { code: string; cpuS: number; peakMb: number }
export type Finding = Taken & { index: number; what: string }

export const MOST = { peakMb: 600, cpuS: 10 }

/** Pictures of a seed through the edge's checks and a real lane, one after the other; each is told of as it ends. */
export class HeavyLane {
  readonly #codec: string
  #child: ChildProcess | undefined

  constructor(codec: "native" | "portable" = "native") {
    this.#codec = codec
  }

  async run(seed: number, index: number, options: { maxPixels?: number } = {}): Promise<Finding> {
    const picture = await heavyPicture(seed, index, options)
    const refused = refusedByEdge(picture)
    const about = { index, what: picture.what }
    if (refused !== null) return { ...about, ...refused }
    const taken = await this.#measure(picture)
    if (!isTooMuch(taken)) return { ...about, ...taken }
    // What earlier pictures left in the process is not this one's: a new one tells.
    await this.close()
    return { ...about, ...(await this.#measure(picture)) }
  }

  async close(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined) return
    const gone = once(child, "exit")
    child.kill("SIGKILL")
    await gone
  }

  async #measure({ bytes, operation }: HeavyPicture): Promise<Taken> {
    this.#child ??= await startLane(this.#codec)
    const child = this.#child
    const patience = new AbortController()
    const timer = setTimeout(() => patience.abort(), PATIENCE_MS)
    try {
      child.send({ bytes, operation })
      const exit = once(child, "exit", { signal: patience.signal }).then(() => "exit" as const)
      const answer = once(child, "message", { signal: patience.signal })
      const [taken] = await Promise.race([
        answer,
        exit.then(() => [{ code: "process died", cpuS: 0, peakMb: Number.NaN }]),
      ])
      return taken as Taken
    } catch (error) {
      if (!patience.signal.aborted) throw error
      return { code: `no answer in ${PATIENCE_MS} ms`, cpuS: PATIENCE_MS / 1_000, peakMb: Number.NaN }
    } finally {
      clearTimeout(timer)
      patience.abort()
      if (child.exitCode !== null || child.signalCode !== null) this.#child = undefined
    }
  }
}

export const isTooMuch = ({ cpuS, peakMb, code }: Taken) =>
  !(cpuS <= MOST.cpuS && peakMb <= MOST.peakMb) || code === "job_timeout" || !/^[a-z_]+$/.test(code)

async function startLane(codec: string): Promise<ChildProcess> {
  const env = { ...process.env, MALLOC_ARENA_MAX: "2", MALLOC_MMAP_THRESHOLD_: "131072" }
  const child = fork(PROCESS, [JSON.stringify({ limits: LIMITS, codec })], {
    env,
    execArgv: ["--max-semi-space-size=4"],
    serialization: "advanced",
  })
  await once(child, "message")
  return child
}

/** What an edge refuses costs no lane anything. */
function refusedByEdge({ bytes, operation }: HeavyPicture): Taken | null {
  try {
    if (bytes.length > LIMITS.maxBytes) throw new AppError("image_too_large", "")
    const header = readImageHeader(bytes)
    refuseLargeImage(header, LIMITS)
    const planned = planOutput(operation, seenImage(header))
    if (planned) refuseLargeOutput(planned, LIMITS)
    return null
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    return { code: `edge_${error.code}`, cpuS: 0, peakMb: 0 }
  }
}
