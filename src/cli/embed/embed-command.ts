import type { Command } from "commander"
import type { TicketData } from "../../lib/client/claimcheck.ts"
import { readFeatures } from "../../lib/training/read-features.ts"
import { type EdgeOptions, withEdgeOptions } from "../api/edge-options.ts"
import { workOnFiles } from "../classify/work-on-files.ts"
import { expandInputs } from "../files/expand-inputs.ts"
import { interruptible } from "../interrupted.ts"
import { parseCount, parseDurationMs } from "../parse-option.ts"
import { survivesGoneReader } from "../terminal/terminal.ts"
import { type FeaturesFile, openFeaturesFile } from "./features-file.ts"

const HELP = `
Examples:
  $ claimcheck embed --out features.npy photos/          float32 [files, features], and features.files.txt
  $ claimcheck embed --normalize --out features.jsonl photos/*.jpg
  $ claimcheck embed --json photo.jpg | jq .features

Pictures that are alike have features that point the same way. Images that fail are left out of the file.

Exit codes: 0 success, 1 at least one image failed, 2 the command is invalid, 130 interrupted.`

type Options = EdgeOptions & {
  model?: string
  normalize?: true
  out?: string
  concurrency: number
  recursive?: true
  timeout?: number
}

export function addEmbedCommand(program: Command): void {
  const command = program
    .command("embed")
    .summary("print or write what a model sees on images, as numbers")
    .description("Print or write the features of images: the numbers that go into a model's last layer.")
    .argument("<file...>", "images, folders, quoted patterns, URLs, sample:NAME, or - for standard input")
    .option("--model <id>", "model whose features are asked for (default: the server's)")
    .option("--normalize", "scale the features of each image to length 1")
    .option("-o, --out <file>", "write them there: a .npy or a .jsonl file")
    .option("-c, --concurrency <n>", "uploads at once", parseCount, 4)
    .option("-r, --recursive", "include subfolders")
    .option("--timeout <duration>", "wait at most this long per file: 90s, 15min (default: no limit)", parseDurationMs)
  withEdgeOptions(command)
    .addHelpText("after", HELP)
    .action((inputs: string[], options: Options) =>
      interruptible(async (signal) => {
        survivesGoneReader(() => process.exit())
        const files = await expandInputs(inputs, { recursive: options.recursive === true })
        const out = options.out === undefined ? null : openFeaturesFile(options.out)
        let isWhole = false
        try {
          await embedFiles(files, out, { ...options, signal })
          isWhole = true
        } finally {
          out?.close({ isWhole })
        }
      }),
    )
}

function embedFiles(files: readonly string[], out: FeaturesFile | null, options: Options & { signal: AbortSignal }) {
  const { model, normalize = false, json = false, timeout, out: _out, ...rest } = options
  return workOnFiles(files, {
    ...rest,
    ...(json && out === null && { json }),
    timeoutMs: timeout,
    submit: {
      operation: "embed",
      model,
      options: { normalize: normalize || undefined, encoding: json && out === null ? "json" : "base64" },
    },
    render: (file, { features }: TicketData) => {
      const values = readFeatures(features)
      out?.add(file, values)
      const first = Array.from(values.slice(0, 4), (value) => value.toPrecision(3)).join(" ")
      return `${file}  ${values.length} features: ${first} …`
    },
  })
}
