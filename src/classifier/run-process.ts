import { hostname } from "node:os"
import { ConfigError } from "../lib/env.ts"
import { createLog, type Log, type LogLevel } from "../lib/log.ts"
import { createLineWriter } from "./line-writer.ts"

/**
 * Runs a process until SIGTERM or SIGINT, with its log on standard output. Exits with 0 after it has stopped, with 1 when it
 * failed, and with 2 when it cannot be configured so.
 */
export async function runProcess<Config extends { LOG_LEVEL: LogLevel }>(
  script: string,
  readConfig: () => Config,
  run: (config: Config, log: Log, signal: AbortSignal) => Promise<void>,
): Promise<never> {
  try {
    const config = readConfig()
    // The reader of the log may exit first; the work continues.
    process.stdout.on("error", () => undefined)
    const write = createLineWriter(process.stdout)
    const log = createLog({ server: hostname(), script, write, level: config.LOG_LEVEL })
    const shutdown = new AbortController()
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => shutdown.abort())
    try {
      await run(config, log, shutdown.signal)
      log.info(`${script}.stopped`)
      process.exit(0)
    } catch (error) {
      if (error instanceof ConfigError) throw error
      log.error(`${script}.failed`, { error })
      process.exit(1)
    }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exit(2)
  }
}
