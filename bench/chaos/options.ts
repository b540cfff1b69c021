import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"

export type ChaosOptions = {
  jobs: number
  faults: number
  seed: number
  classifiers: number
  edge: "node" | "workerd"
  /** Where `dist` and `models` lie. */
  root: string
  /** Likewise for the edge alone: an older release. */
  edgeRoot: string
  /** How long a finished ticket can be read. */
  resultTtlS: number
  /** Faults of these kinds alone. */
  only?: readonly string[] | undefined
  /** Where logs, Redis' files and the report go. */
  folder: string
  /** How many clients wait for a ticket at a time. */
  sessions: number
  leaseMs: number
  maxAttempts: number
  maxMinutes: number
  /** Bytes of uploads that were never enqueued expire after a minute: wait for that, or only see that they will. */
  awaitOrphans: boolean
}

/** Whether tickets may go while the run lasts. */
export const isShortLived = ({ resultTtlS, maxMinutes }: ChaosOptions) => resultTtlS <= maxMinutes * 60

const ROOT = fileURLToPath(new URL("../..", import.meta.url))

export const USAGE = `Runs the real stack under a seeded plan of faults and accounts for every ticket.

  npm run chaos -- [--jobs 10000] [--faults 50] [--seed 1] [--classifiers 3] [--edge node|workerd]
                   [--sessions 80] [--lease-ms 2000] [--max-attempts 10] [--max-minutes 30]
                   [--root <folder with dist and models>] [--edge-root <an older release>]
                   [--folder <where the logs go>] [--result-ttl-s 86400] [--only "redis full,clock stepped"]
`

/** @throws for an option that is none, or no number where one is needed */
export function readOptions(argv: readonly string[], nowMs: number): ChaosOptions {
  const text = { type: "string" } as const
  const { values } = parseArgs({
    args: [...argv],
    options: {
      jobs: { ...text, default: "10000" },
      faults: { ...text, default: "50" },
      seed: { ...text, default: "1" },
      classifiers: { ...text, default: "3" },
      sessions: { ...text, default: "80" },
      "lease-ms": { ...text, default: "2000" },
      "max-attempts": { ...text, default: "10" },
      "max-minutes": { ...text, default: "30" },
      edge: { ...text, default: "node" },
      root: { ...text, default: ROOT },
      "edge-root": text,
      "result-ttl-s": { ...text, default: "86400" },
      only: text,
      folder: text,
    },
  })
  if (values.edge !== "node" && values.edge !== "workerd") throw new Error("--edge is node or workerd")
  const seed = whole("seed", values.seed)
  const stamp = new Date(nowMs).toISOString().slice(0, 19).replaceAll(":", "")
  return {
    jobs: whole("jobs", values.jobs),
    faults: whole("faults", values.faults),
    seed,
    classifiers: whole("classifiers", values.classifiers),
    edge: values.edge,
    root: values.root,
    edgeRoot: values["edge-root"] ?? values.root,
    resultTtlS: whole("result-ttl-s", values["result-ttl-s"]),
    only: values.only?.split(",").map((kind) => kind.trim()),
    folder: values.folder ?? `${ROOT}/.claimcheck/chaos/${stamp}-seed${seed}`,
    sessions: whole("sessions", values.sessions),
    leaseMs: whole("lease-ms", values["lease-ms"]),
    maxAttempts: whole("max-attempts", values["max-attempts"]),
    maxMinutes: whole("max-minutes", values["max-minutes"]),
    awaitOrphans: true,
  }
}

function whole(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Error(`--${name} must be a whole number`)
  return Number(text)
}
