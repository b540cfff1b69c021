import { type Command, Option } from "commander"
import { sleep } from "../../lib/sleep.ts"
import { openClient } from "../api/edge-client.ts"
import { type EdgeOptions, withEdgeOptions } from "../api/edge-options.ts"
import { EXIT } from "../cli-error.ts"
import { expandInputs } from "../files/expand-inputs.ts"
import { readImageFile } from "../files/read-image-file.ts"
import { interruptible } from "../interrupted.ts"
import { parseCount, parseDurationMs } from "../parse-option.ts"
import { countOf } from "../terminal/human-units.ts"
import { showProgress } from "../terminal/progress.ts"
import { progressNote } from "../terminal/progress-note.ts"
import { paintFor, print, printError, survivesGoneReader } from "../terminal/terminal.ts"
import { runStress } from "./run-stress.ts"
import { renderReport, summarize } from "./stress-report.ts"

const HELP = `
Each client uploads an image, polls its ticket as hinted, and repeats; several images take turns. Latency is the time from the
start of the upload to the result. Results are not cached unless you pass --cached.

Examples:
  $ claimcheck stress -n 500 -c 50 photo.jpg
  $ claimcheck stress --rate 50ms -n 500 photos/
  $ claimcheck stress --json photo.jpg | jq .latency_ms.p99

Exit codes: 0 every request was answered, 1 at least one was not, 2 the command is invalid, 130 interrupted.`

type Options = EdgeOptions & { requests: number; clients: number; rate?: number; cached?: true; model?: string }

export function addStressCommand(program: Command): void {
  const command = program
    .command("stress")
    .summary("send many requests and report throughput and latency")
    .description("Send many requests, wait for all results, and report throughput, polls and latencies.")
    .argument("<file...>", "JPEG or PNG files, folders, or quoted patterns")
    .option("-n, --requests <n>", "number of requests", parseCount, 500)
    .option("-c, --clients <n>", "number of concurrent clients", parseCount, 50)
    .addOption(
      new Option("--rate <duration>", "start one every so often instead, as 50ms or 2s, however many are open")
        .argParser(parseDurationMs)
        .conflicts("clients"),
    )
    .option("--cached", "allow cached results")
    .option("--model <id>", "model to classify with (default: the server's)")
  withEdgeOptions(command)
    .addHelpText("after", HELP)
    .action(async (inputs: string[], options: Options) => {
      survivesGoneReader(() => process.exit())
      await interruptible((signal) => stress(inputs, options, signal))
    })
}

async function stress(inputs: readonly string[], options: Options, signal: AbortSignal): Promise<void> {
  const { requests, clients, rate, json } = options
  const images = await Promise.all((await expandInputs(inputs, { say: () => undefined })).map(readImageFile))
  await openClient(options, { signal })
  const paint = paintFor(process.stdout)
  if (!json) {
    const how = rate === undefined ? `by ${countOf(Math.min(clients, requests), "client")}` : `one every ${rate} ms`
    const shown = `${countOf(requests, "request")} ${how}, ${countOf(images.length, "image")}, ${options.url}`
    if (process.stderr.isTTY) printError(paint("dim", shown))
  }
  const progress = showProgress(requests)
  const startedMs = performance.now()
  let [done, failed] = [0, 0]
  try {
    const asked = { ...options, everyMs: rate, cached: options.cached === true, signal }
    const samples = await runStress(images, asked, {
      sleep,
      done(sample, count) {
        done = count
        if ("failure" in sample) failed++
        progress.update(done, progressNote({ done, failed, total: requests, ms: performance.now() - startedMs }))
      },
    })
    progress.stop()
    const report = summarize(samples, performance.now() - startedMs)
    print(json ? JSON.stringify(report) : renderReport(report, paint, process.stdout.columns ?? 80))
    if (report.failed > 0) process.exitCode = EXIT.failed
  } catch (error) {
    progress.stop()
    if (signal.aborted)
      printError(`Interrupted: ${done} of ${countOf(requests, "request")} done, ${failed} of them failed.`)
    throw error
  } finally {
    progress.stop()
  }
}
