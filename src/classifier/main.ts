import { hostname } from "node:os"
import { fileURLToPath } from "node:url"
import { ConfigError } from "../lib/env.ts"
import { createLog } from "../lib/log.ts"
import { serve } from "./classifier.ts"
import { readClassifierConfig } from "./config.ts"

/** The models that come with us, beside src and dist. */
const OWN_MODELS = fileURLToPath(new URL("../../models", import.meta.url))

async function main(): Promise<number> {
  const config = readClassifierConfig(process.env)
  const write = (line: string) => process.stdout.write(`${line}\n`)
  // Who reads our log may go before we do; the work goes on.
  process.stdout.on("error", () => undefined)
  const log = createLog({ server: hostname(), script: "classifier", write, level: config.LOG_LEVEL })
  const shutdown = new AbortController()
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => shutdown.abort())
  try {
    const modelRoots = [OWN_MODELS, ...config.CLAIMCHECK_MODELS]
    await serve(config, { modelRoots, log, signal: shutdown.signal })
    log.info("classifier.stopped")
    return 0
  } catch (error) {
    if (error instanceof ConfigError) throw error
    log.error("classifier.failed", { error })
    return 1
  }
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exit(2)
  },
)
