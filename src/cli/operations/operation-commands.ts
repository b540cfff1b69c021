import { dirname } from "node:path"
import type { Command } from "commander"
import type { TicketData } from "../../lib/client/claimcheck.ts"
import { CliError } from "../cli-error.ts"
import { type EdgeOptions, withEdgeOptions } from "../edge-options.ts"
import { expandInputs } from "../expand-inputs.ts"
import { interruptible } from "../interrupted.ts"
import { makeFolder } from "../make-folder.ts"
import { parseCount, parseDurationMs } from "../parse-option.ts"
import { survivesGoneReader } from "../terminal.ts"
import { workOnFiles } from "../work-on-files.ts"
import { claimPaths } from "./claim-paths.ts"
import { outputText, pictureText } from "./picture-text.ts"
import { endingOf, outputPath, saveOutput } from "./save-output.ts"

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

A result is never larger than its input and holds no metadata: no place, no camera, no thumbnail.`

const EXIT_CODES = `
Exit codes: 0 all went well, 1 at least one picture failed, 2 the command was not understood, 130 interrupted.`

const RESIZE_HELP = `
Examples:
  $ claimcheck resize --width 640 photo.jpg            writes photo-resized.jpg
  $ claimcheck resize --width 224 --height 224 --format npy --out arrays/ photos/*.jpg`

/** The operations beside classify, each a command. */
export function addOperationCommands(program: Command): void {
  const inspect = program
    .command("inspect")
    .summary("tell format, size, frames and orientation of pictures")
    .description("Tell format, size, frames and orientation of pictures.")
    .option("--sha256", "read all of a URL's picture, for the hash that --json shows")
  withFiles(inspect)
    .addHelpText("after", EXIT_CODES)
    .action((files: string[], given: Given) => runOperation(files, given, { name: "inspect", options: ["sha256"] }))

  const compress = program
    .command("compress")
    .summary("make pictures smaller, and leave their metadata out")
    .description("Make pictures smaller, and leave their metadata out.")
    .option("--quality <n>", "1 is worst and 100 best (default: 50)")
    .option("--scale <factor>", "of both sides, above 0 and at most 1: 0.5, not 50%, is half as wide and half as high")
    .option("--format <format>", "jpeg, webp or avif (default: the input's own)")
  withOut(withFiles(compress))
    .addHelpText("after", COMPRESS_HELP + EXIT_CODES)
    .action((files: string[], given: Given) =>
      runOperation(files, given, { name: "compress", suffix: "compressed", options: ["quality", "scale", "format"] }),
    )

  const resize = program
    .command("resize")
    .summary("make pictures of another size, or arrays of their pixels")
    .description("Make pictures of another size, or arrays of their pixels.")
    .option("--width <px>", "follows from the height unless said")
    .option("--height <px>", "follows from the width unless said")
    .option("--fit <how>", "cover crops, contain pads, fill stretches, inside may be smaller (default: cover)")
    .option("--format <format>", "jpeg, png, webp, avif, json or npy (default: the input's own)")
    .option("--quality <n>", "of an image: 1 is worst and 100 best (default: 80)")
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
    .argument("<file...>", "pictures, folders of them, patterns in quotes, URLs, or - for standard input")
    .option("-c, --concurrency <n>", "how many at once", parseCount, 4)
    .option("-r, --recursive", "look in the folders of a folder, too")
    .option("--timeout <duration>", "wait no longer for a file's answer: 90s, 15min (default: no end)", parseDurationMs)
}

function withOut(command: Command): Command {
  return command
    .option(
      "-o, --out <folder>",
      "where results go, in sub-folders as the inputs are (default: beside the inputs; of a URL or standard input, here)",
    )
    .option("--force", "write over files that are there; never over an input")
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
        finish: async (file: string, { output }: TicketData) => {
          if (output === undefined) throw new CliError("The ticket has no output: is the server of another version?")
          const where = { folder: given.out, suffix, below: below.get(file) }
          const path = await claim(outputPath(file, endingOf(output), where), file)
          if (given.out !== undefined) await makeFolder(dirname(path), { named: "--out" })
          await saveOutput(path, { output, edge: given, force: given.force === true, signal })
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
