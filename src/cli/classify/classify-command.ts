import { type Command, Option } from "commander"
import type { TicketData } from "../../lib/client/claimcheck.ts"
import { type EdgeOptions, withEdgeOptions } from "../api/edge-options.ts"
import { expandInputs } from "../files/expand-inputs.ts"
import { interruptible } from "../interrupted.ts"
import { alias, parseCount, parseDurationMs, parseProbability } from "../parse-option.ts"
import { renderPredictions } from "../terminal/prediction-table.ts"
import { paintFor, survivesGoneReader } from "../terminal/terminal.ts"
import { shrinkPicture } from "./shrink-picture.ts"
import { workOnFiles } from "./work-on-files.ts"

const HELP = `
Examples:
  $ claimcheck classify photo.jpg
  $ claimcheck classify sample:pumpkin
  $ claimcheck classify https://example.com/photo.jpg
  $ claimcheck classify holiday/ --recursive
  $ claimcheck classify --model mobilenet_v2 --top-k 3 'photos/**/*.png'
  $ claimcheck classify --webhook-url https://example.com/hooks photo.jpg
  $ claimcheck classify --shrink holiday/*.jpg
  $ curl -s https://example.com/photo.jpg | claimcheck classify -
  $ claimcheck classify --json *.jpg | jq -r '[.file, .predictions[0].label] | @tsv'

Prints one line or block per file, and a summary. Ctrl-C lists the tickets that continue on the server.

With --json, one line per file: {"file": …, …ticket}, or {"file": …, "error": {"code", "message"}}.

Exit codes: 0 every file was classified, 1 at least one was not, 2 the command is invalid, 130 interrupted.`

type Options = EdgeOptions & {
  model?: string
  topK?: number
  threshold?: number
  lang?: string
  concurrency: number
  recursive?: true
  /** False for --no-cache. */
  cache: boolean
  timeout?: number
  shrink?: true
  webhookUrl?: string
}

export function addClassifyCommand(program: Command): void {
  const command = program
    .command("classify")
    .summary("classify images")
    .description("Submit images, wait for the results, and print them.")
    .argument("<file...>", "images, folders, quoted patterns, URLs, sample:NAME, or - for standard input")
    .option("--model <id>", "model to classify with (default: the server's)")
    .option("--top-k <n>", "number of predictions (default: 5)", parseCount)
    .option("--threshold <p>", "drop predictions below this probability: 0.3", parseProbability)
    .option("--lang <tag>", "language of the labels, if the model has it: de")
    .option("-c, --concurrency <n>", "uploads at once", parseCount, 4)
    .option("-r, --recursive", "include subfolders")
    .option("--no-cache", "run inference even if the result is cached")
    .option("--timeout <duration>", "wait at most this long per file: 90s, 15min (default: no limit)", parseDurationMs)
    .option("--shrink", "send a smaller copy (1,024 pixels) of an image that is too large for the server")
    .option("--webhook-url <url>", "also send each result there, signed and with retries")
    .addOption(new Option("--webhook <url>").hideHelp())
  alias(command, "webhook", "webhookUrl")
  withEdgeOptions(command)
    .addHelpText("after", HELP)
    .action(async (inputs: string[], options: Options) => {
      survivesGoneReader(() => process.exit())
      await interruptible(async (signal) => {
        const files = await expandInputs(inputs, { recursive: options.recursive === true })
        const { model, topK, threshold, lang, cache, shrink, webhookUrl } = options
        await workOnFiles(files, {
          ...options,
          submit: {
            ...{ model, topK, threshold, lang, webhookUrl },
            noCache: !cache,
            ...(shrink && { shrink: shrinkPicture }),
          },
          timeoutMs: options.timeout,
          signal,
          render: renderTicket,
          isTall: true,
        })
      })
    })
}

function renderTicket(file: string, ticket: TicketData): string {
  return renderPredictions(file, ticket, { paint: paintFor(process.stdout), columns: process.stdout.columns ?? 80 })
}
