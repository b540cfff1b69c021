import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { z } from "zod"
import { CliError } from "../../cli-error.ts"
import type { RestEndpoint } from "../parts/edge-variables.ts"
import type { PartName } from "../parts/part.ts"
import { listProcesses, type RunningProcess } from "./process-list.ts"

const runSchema = z.object({
  pid: z.number(),
  url: z.string(),
  /** Where operators reach the queue; the file is its user's alone for that. */
  rest: z.object({ url: z.string(), token: z.string() }).optional(),
  groups: z.array(
    z.object({ name: z.enum(["redis", "gateway", "classifier", "edge", "deliverer"]), pgid: z.number() }),
  ),
})
export type Run = z.infer<typeof runSchema>

/** What a process of a part looks like, so that a reused process id is left alone. */
const LOOKS_LIKE: Record<PartName, RegExp> = {
  redis: /(redis|valkey)-server/,
  gateway: /gateway\/main/,
  classifier: /classifier\/main/,
  deliverer: /classifier\/deliver-main/,
  edge: /wrangler|workerd|edge\/node/,
}

/**
 * Who runs the stack in this folder, and which process groups belong to it: so that a second start says so instead of
 * opening the same Redis files twice, and that what a killed run left behind can be stopped.
 */
export class RunFile {
  readonly #path: string
  #run: Run

  private constructor(path: string, run: Run) {
    this.#path = path
    this.#run = run
  }

  /** Throws when another live run has the folder. Gives the groups that a dead one left running. */
  static async claim(path: string): Promise<{ file: RunFile; leftovers: Run["groups"] }> {
    const before = readRun(path)
    const processes = before === null ? [] : await listProcesses()
    if (before !== null && before.pid !== process.pid && processes.some((entry) => isRunOf(before, entry))) {
      const where = before.url === "" ? "" : `, ${before.url}`
      throw new CliError(
        `claimcheck already runs here (process ${before.pid}${where}). Stop it first, or set CLAIMCHECK_HOME to another folder.`,
      )
    }
    const file = new RunFile(path, { pid: process.pid, url: "", groups: [] })
    file.#write()
    return { file, leftovers: before === null ? [] : findLeftovers(before, processes) }
  }

  setReady({ url, rest }: { url: string; rest: RestEndpoint }): void {
    this.#run = { ...this.#run, url, rest }
    this.#write()
  }

  add(name: PartName, pgid: number): void {
    this.#run = { ...this.#run, groups: [...this.#run.groups, { name, pgid }] }
    this.#write()
  }

  drop(pgid: number): void {
    this.#run = { ...this.#run, groups: this.#run.groups.filter((group) => group.pgid !== pgid) }
    this.#write()
  }

  remove(): void {
    rmSync(this.#path, { force: true })
  }

  #write(): void {
    const draft = `${this.#path}.${process.pid}`
    writeFileSync(draft, `${JSON.stringify(this.#run)}\n`, { mode: 0o600 })
    renameSync(draft, this.#path)
  }
}

export function findLeftovers(run: Run, processes: RunningProcess[]): Run["groups"] {
  return run.groups.filter(({ name, pgid }) =>
    processes.some((entry) => entry.pgid === pgid && LOOKS_LIKE[name].test(entry.command)),
  )
}

function isRunOf(run: Run, { pid, command }: RunningProcess): boolean {
  return pid === run.pid && /(claimcheck|cli\/main\.js).*\bstart\b/.test(command)
}

/** What the file tells, or null when there is none. */
export function readRun(path: string): Run | null {
  let text: string
  try {
    text = readFileSync(path, "utf8")
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null
    throw error
  }
  try {
    return runSchema.parse(JSON.parse(text))
  } catch {
    // A truncated file after a power loss: the run it describes is lost.
    return null
  }
}
