import { existsSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { FAULT_KINDS, type FaultKind } from "./peer-faults.ts"
import { findPostgres } from "./postgres-server.ts"
import { SYSTEM_NAMES, SYSTEMS, type SystemName } from "./queue-under-test.ts"

export type PeerOptions = {
  /** Of each queue, shared by the kinds of fault. */
  jobs: number
  faults: number
  seed: number
  systems: readonly SystemName[]
  only: readonly FaultKind[]
  lockMs: number
  perSecond: number
  /** How long after the faults a job may take to end. */
  patienceMs: number
  folder: string
}

const ROOT = fileURLToPath(new URL("../../..", import.meta.url))

export const USAGE = `Runs claimcheck's queue, BullMQ and pg-boss under the same faults, one kind after the other, and accounts for every job.

  npm install --prefix bench/peers
  npm run chaos:peers -- [--jobs 2000] [--faults 20] [--seed 1] [--systems ${SYSTEM_NAMES.join(",")}]
                         [--only "${FAULT_KINDS.slice(0, 2).join(",")}"] [--lock-ms 2000] [--per-second 20]
                         [--patience-s 130] [--folder <where the logs go>]

Kinds of fault: ${FAULT_KINDS.join(", ")}.
pg-boss needs PostgreSQL: apt-get install postgresql.
`

/** @throws for an option that is none, or no number where one is needed */
export function readPeerOptions(argv: readonly string[], nowMs: number): PeerOptions {
  const text = { type: "string" } as const
  const { values } = parseArgs({
    args: [...argv],
    options: {
      jobs: { ...text, default: "2000" },
      faults: { ...text, default: "20" },
      seed: { ...text, default: "1" },
      systems: { ...text, default: SYSTEM_NAMES.join(",") },
      only: { ...text, default: FAULT_KINDS.join(",") },
      "lock-ms": { ...text, default: "2000" },
      "per-second": { ...text, default: "20" },
      "patience-s": { ...text, default: "130" },
      folder: text,
    },
  })
  const seed = whole("seed", values.seed)
  const stamp = new Date(nowMs).toISOString().slice(0, 19).replaceAll(":", "")
  return {
    jobs: whole("jobs", values.jobs),
    faults: whole("faults", values.faults),
    seed,
    systems: among("systems", values.systems, SYSTEM_NAMES),
    only: among("only", values.only, FAULT_KINDS),
    lockMs: whole("lock-ms", values["lock-ms"]),
    perSecond: whole("per-second", values["per-second"]),
    patienceMs: whole("patience-s", values["patience-s"]) * 1_000,
    folder: values.folder ?? `${ROOT}/.claimcheck/chaos-peers/${stamp}-seed${seed}`,
  }
}

function whole(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text) || Number(text) === 0) throw new Error(`--${name} must be a whole number above 0`)
  return Number(text)
}

function among<T extends string>(name: string, text: string, known: readonly T[]): T[] {
  const asked = text.split(",").map((part) => part.trim())
  const unknown = asked.find((part) => !known.some((each) => each === part))
  if (unknown !== undefined) throw new Error(`--${name}: there is no ${unknown}, only ${known.join(", ")}`)
  return known.filter((each) => asked.includes(each))
}

/** What must be installed before this queue can run, or null. */
export function missingFor(system: SystemName): string | null {
  const { packages, store } = SYSTEMS[system]
  const missing = packages.filter((name) => !existsSync(`${ROOT}/bench/peers/node_modules/${name}`))
  if (missing.length > 0) return `${missing.join(" and ")} missing: npm install --prefix bench/peers`
  if (store !== "postgres") return null
  try {
    findPostgres()
    return null
  } catch (error) {
    return (error as Error).message
  }
}
