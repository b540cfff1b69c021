import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { readOptions, USAGE } from "./options.ts"
import { type ChaosReport, renderReport } from "./report.ts"
import { runChaos } from "./run-chaos.ts"

const print = (line: string) => void process.stdout.write(`${line}\n`)

async function main(argv: readonly string[]): Promise<number> {
  if (argv.includes("--help")) {
    print(USAGE)
    return 0
  }
  const options = readOptions(argv, Date.now())
  const interrupt = new AbortController()
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => interrupt.abort())
  print(`Logs: ${options.folder}`)
  let report: ChaosReport
  try {
    report = await runChaos(options, { print, signal: interrupt.signal })
  } catch (error) {
    if (!interrupt.signal.aborted) throw error
    print("Interrupted: every process was ended, the logs are kept")
    return 130
  }
  writeFileSync(join(options.folder, "report.json"), `${JSON.stringify(report, null, 2)}\n`)
  writeFileSync(join(options.folder, "report.md"), renderReport(report))
  print(`\n${renderReport(report)}`)
  if (report.violations.length > 0) print(`Violated, with seed ${options.seed}. Logs: ${options.folder}`)
  return report.violations.length === 0 ? 0 : 1
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
    process.exit(2)
  },
)
