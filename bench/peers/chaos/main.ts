import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { missingFor, readPeerOptions, USAGE } from "./peer-options.ts"
import { renderPeers } from "./peer-table.ts"
import { type PeerReport, runPeer } from "./run-peer.ts"

const startMs = performance.now()
const write = (line: string) => void process.stdout.write(`${line}\n`)
const print = (line: string) => write(`[${((performance.now() - startMs) / 1_000).toFixed(0).padStart(4)} s] ${line}`)

async function main(argv: readonly string[]): Promise<number> {
  if (argv.includes("--help")) {
    write(USAGE)
    return 0
  }
  const options = readPeerOptions(argv, Date.now())
  const missing = options.systems.flatMap((system) => missingFor(system) ?? [])
  if (missing.length > 0) throw new Error(`${missing.join("\n")}\nOr leave it out: --systems claimcheck`)
  const interrupt = new AbortController()
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => interrupt.abort())
  mkdirSync(options.folder, { recursive: true })
  write(`Logs: ${options.folder}`)
  const reports: PeerReport[] = []
  for (const system of options.systems) {
    try {
      reports.push(await runPeer(system, options, { print, signal: interrupt.signal }))
    } catch (error) {
      if (!interrupt.signal.aborted) throw error
      write("Interrupted: every process was ended, the logs are kept")
      return 130
    }
  }
  writeFileSync(join(options.folder, "report.json"), `${JSON.stringify({ options, reports }, null, 2)}\n`)
  writeFileSync(join(options.folder, "report.md"), renderPeers(reports))
  write(`\n${renderPeers(reports)}`)
  for (const { system, phases } of reports) {
    for (const { kind, violations } of phases) {
      for (const { rule, id, detail } of violations) write(`${system}, ${kind}: ${rule} ${id} ${detail}`)
    }
  }
  // Other queues are measured, not tested.
  return reports.some(
    ({ system, phases }) => system === "claimcheck" && phases.some((phase) => phase.violations.length > 0),
  )
    ? 1
    : 0
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exit(2)
  },
)
