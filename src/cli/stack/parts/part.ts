import type { LogLevel } from "../../../lib/log.ts"

export type PartName = "redis" | "gateway" | "classifier" | "edge" | "deliverer"

/** What a part printed, after its own noise is taken out. */
export type PartLine = { level: LogLevel; raw: string; json: boolean }
export type PartStream = "stdout" | "stderr"

/** A part is up by an event in its log, or by a probe. `watch` keeps probing, and restarts a part that no longer answers. */
export type Readiness =
  | { by: "event"; event: string }
  | { by: "probe"; isUp: (signal: AbortSignal) => Promise<boolean>; watch?: { everyMs: number; patienceMs: number } }

/** `root`: the package's folder. `cwd`: where a part runs, if not there. `env`: ours, which every part gets beside what is its own. */
export type PartDeps = { root: string; cwd?: string; env: NodeJS.ProcessEnv }

/** All that is needed to run one part of the stack and to tell a person about it. */
export type Part = {
  name: PartName
  what: string
  address: string
  command: string
  args: readonly string[]
  cwd: string
  env: NodeJS.ProcessEnv
  ready: Readiness
  /** A line with which it says that it will never be up, though its process lives on. */
  refusal?: RegExp
  startTimeoutMs: number
  /** How long it may take to finish what it has in hand, after SIGTERM. */
  stopGraceMs: number
  readLine: (raw: string, stream: PartStream) => PartLine | null
}
