import { dirname } from "node:path"
import type { Command } from "commander"
import type { Claimcheck, TicketData } from "../../lib/client/claimcheck.ts"
import { endingOf } from "../../lib/images/image-formats.ts"
import { type EdgeOptions, withEdgeOptions } from "../api/edge-options.ts"
import { workOnFiles } from "../classify/work-on-files.ts"
import { CliError } from "../cli-error.ts"
import { expandInputs } from "../files/expand-inputs.ts"
import { makeFolder } from "../files/make-folder.ts"
import { interruptible } from "../interrupted.ts"
import { parseCount, parseDurationMs } from "../parse-option.ts"
import { survivesGoneReader } from "../terminal/terminal.ts"
import { claimPaths } from "./claim-paths.ts"
import { outputText, pictureText } from "./picture-text.ts"
import { outputPath, saveOutput } from "./save-output.ts"

type Given = EdgeOptions & {
  concurrency: number
  recursive?: true
  timeout?: number
  out?: string
  force?: true
  /** Of the operation; what they may be is the server's to say. */
  [option: string]: unknown
}

const COMPRESS_HELP = `
Examples:
  $ claimcheck compress photo.jpg                      writes photo-compressed.jpg
  $ claimcheck compress https://example.com/a.jpg      writes a-compressed.jpg here
  $ curl -s https://example.com/b | claimcheck compress -    writes stdin-compressed.jpg here
  $ claimcheck compress --quality 30 --format webp --out small/ holiday/ --recursive

An output is never larger than its input, and contains no metadata.`

const EXIT_CODES = `
Exit codes: 0 success, 1 at least one image failed, 2 the command is invalid, 130 interrupted.`

const RESIZE_HELP = `
Examples:
  $ claimcheck resize --width 640 photo.jpg            writes photo-resized.jpg
  $ claimcheck resize --width 224 --height 224 --format npy --out arrays/ photos/*.jpg`

/** The operations beside classify, each a command. */
export function addOperationCommands(program: Command): void {
  const inspect = program
    .command("inspect")
    .summary("print format, size, frames and orientation of images")
    .description("Print format, size, frames and orientation of images.")
    .option("--sha256", "read the whole image at a URL, for the hash in --json")
  withFiles(inspect)
    .addHelpText("after", EXIT_CODES)
    .action((files: string[], given: Given) => runOperation(files, given, { name: "inspect", options: ["sha256"] }))

  const compress = program
    .command("compress")
    .summary("make image files smaller, without metadata")
    .description("Make image files smaller, without metadata.")
    .option("--quality <n>", "1 (worst) to 100 (best) (default: 50)")
    .option("--scale <factor>", "factor for both sides, above 0 and at most 1: 0.5 halves width and height")
    .option("--format <format>", "jpeg, webp or avif (default: the input's own)")
  withOut(withFiles(compress))
    .addHelpText("after", COMPRESS_HELP + EXIT_CODES)
    .action((files: string[], given: Given) =>
      runOperation(files, given, { name: "compress", suffix: "compressed", options: ["quality", "scale", "format"] }),
    )

  const resize = program
    .command("resize")
    .summary("resize images, or write their pixels as arrays")
    .description("Resize images, or write their pixels as arrays.")
    .option("--width <px>", "default: from the height")
    .option("--height <px>", "default: from the width")
    .option("--fit <how>", "cover crops, contain pads, fill stretches, inside may be smaller (default: cover)")
    .option("--format <format>", "jpeg, png, webp, avif, json or npy (default: the input's own)")
    .option("--quality <n>", "1 (worst) to 100 (best) (default: 80)")
  withOut(withFiles(resize))
    .addHelpText("after", RESIZE_HELP + EXIT_CODES)
    .action((files: string[], given: Given) =>
      runOperation(files, given, {
        name: "resize",
        suffix: "resized",
        options: ["width", "height", "fit", "format", "quality"],
      }),
    )
}

function withFiles(command: Command): Command {
  return withEdgeOptions(command)
    .argument("<file...>", "images, folders, quoted patterns, URLs, or - for standard input")
    .option("-c, --concurrency <n>", "uploads at once", parseCount, 4)
    .option("-r, --recursive", "include subfolders")
    .option("--timeout <duration>", "wait at most this long per file: 90s, 15min (default: no limit)", parseDurationMs)
}

function withOut(command: Command): Command {
  return command
    .option(
      "-o, --out <folder>",
      "folder for outputs, with the subfolders of the inputs (default: next to the inputs; for URLs and standard input, here)",
    )
    .option("--force", "overwrite existing files, but never an input")
}

type Operation = { name: string; suffix?: string; options?: readonly string[] }

async function runOperation(inputs: string[], given: Given, { name, suffix, options = [] }: Operation): Promise<void> {
  survivesGoneReader(() => process.exit())
  await interruptible(async (signal) => {
    const below = new Map<string, string>()
    const place = (file: string, way: string) => void below.set(file, way)
    const files = await expandInputs(inputs, { recursive: given.recursive === true, place })
    if (given.out !== undefined) await makeFolder(given.out, { named: "--out" })
    const claim = await claimPaths(files)
    const written = new Map<string, string>()
    await workOnFiles(files, {
      url: given.url,
      key: given.key,
      concurrency: given.concurrency,
      ...(given.json && { json: true }),
      signal,
      timeoutMs: given.timeout,
      ...(suffix !== undefined && { out: given.out ?? "." }),
      submit: {
        operation: name,
        options: Object.fromEntries(
          options.flatMap((option) => (given[option] === undefined ? [] : [[option, String(given[option])]])),
        ),
      },
      ...(suffix !== undefined && {
        finish: async (file: string, { output }: TicketData, client: Claimcheck) => {
          if (output === undefined) throw new CliError("The ticket has no output: is the server of another version?")
          const where = { folder: given.out, suffix, below: below.get(file) }
          const path = await claim(outputPath(file, endingOf(output.content_type), where), file)
          if (given.out !== undefined) await makeFolder(dirname(path), { named: "--out" })
          await saveOutput(path, { output, client, force: given.force === true, signal })
          written.set(file, path)
        },
      }),
      savedAs: (file) => written.get(file),
      render: (file, ticket) => renderResult(file, ticket, written.get(file)),
    })
  })
}

function renderResult(file: string, { image, output }: TicketData, path: string | undefined): string {
  if (output === undefined || path === undefined) return `${file}  ${pictureText(image)}`
  return `${path}  ${outputText(output, image)}`
}
