#!/usr/bin/env node
import { existsSync, readFileSync } from "node:fs"
import { Command, CommanderError } from "commander"
import { addDeadCommand } from "./admin/dead-command.ts"
import { addDrainCommand } from "./admin/drain-command.ts"
import { addJobsCommand } from "./admin/jobs-command.ts"
import { addPauseCommands } from "./admin/pause-command.ts"
import { addQueueCommand } from "./admin/queue-command.ts"
import { addBatchCommand } from "./batch/batch-command.ts"
import { addClassifyCommand } from "./classify/classify-command.ts"
import { CliError, describe, EXIT } from "./cli-error.ts"
import { addEmbedCommand } from "./embed/embed-command.ts"
import { addEvaluateCommand } from "./evaluate/evaluate-command.ts"
import { addInitCommand } from "./init/init-command.ts"
import { addKeysCommand } from "./keys/keys-command.ts"
import { addModelsCommand } from "./models/models-command.ts"
import { addOperationCommands } from "./operations/operation-commands.ts"
import { addDeliverCommand } from "./stack/deliver-command.ts"
import { addStartCommand } from "./stack/start-command.ts"
import { addStressCommand } from "./stress/stress-command.ts"
import { paintFor, printError, survivesGoneReader } from "./terminal/terminal.ts"
import { addTicketCommand } from "./ticket/ticket-command.ts"
import { addTrainCommand } from "./train/train-command.ts"
import { addWebhookCommand } from "./webhook/webhook-command.ts"

const HELP = `
Exit codes: 0 success, 1 something failed, 2 the command is invalid, 130 interrupted.
Environment: CLAIMCHECK_URL and CLAIMCHECK_KEY are the defaults of --url and --key; NO_COLOR disables colours.`

/** Sentences for system errors that a command does not handle itself. */
const SYSTEM: Record<string, string> = {
  ENOENT: "no such file or folder",
  ENOTDIR: "part of its path is a file, not a folder",
  EISDIR: "it is a folder",
  EACCES: "permission denied",
  EPERM: "permission denied",
  EROFS: "the file system is read-only",
  ENOSPC: "the disk is full",
}

async function main(argv: readonly string[]): Promise<number> {
  const program = new Command("claimcheck")
    .description("Command line of claimcheck, an image classifier behind an edge API.")
    .version(readVersion())
    .addHelpText("after", HELP)
    .showHelpAfterError("(add --help for the options)")
    .exitOverride()
    // `models --json` and `models check --json` are options of two commands.
    .enablePositionalOptions()
  addStartCommand(program)
  addInitCommand(program)
  addClassifyCommand(program)
  addBatchCommand(program)
  addOperationCommands(program)
  addEmbedCommand(program)
  addTrainCommand(program)
  addEvaluateCommand(program)
  addTicketCommand(program)
  addModelsCommand(program)
  addQueueCommand(program)
  addJobsCommand(program)
  addDeadCommand(program)
  addPauseCommands(program)
  addDrainCommand(program)
  addWebhookCommand(program)
  addKeysCommand(program)
  addDeliverCommand(program)
  addStressCommand(program)
  // Help may be piped into `head`; long-running commands end themselves when their reader is gone.
  survivesGoneReader(() => undefined)
  try {
    await program.parseAsync(argv)
    return process.exitCode === undefined ? EXIT.ok : Number(process.exitCode)
  } catch (error) {
    // Commander has already printed its error.
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok
    if (error instanceof CommanderError) {
      const file = argv.find((text) => text.startsWith("-") && existsSync(text))
      if (file !== undefined) printError(`The file ${file} is given as ./${file}: a dash begins an option.`)
      return EXIT.usage
    }
    if (error instanceof CliError && error.exitCode === EXIT.interrupted) return EXIT.interrupted
    printError(`${paintFor(process.stderr)("red", "error")} ${explain(error)}`)
    return error instanceof CliError ? error.exitCode : EXIT.failed
  }
}

/** CliError and system errors are for people; anything else is a bug and gets a stack trace. */
function explain(error: unknown): string {
  const { syscall, code, path } = error as NodeJS.ErrnoException
  if (typeof syscall === "string" && typeof path === "string")
    return `Cannot ${syscall} ${path}: ${SYSTEM[code ?? ""] ?? code}`
  return error instanceof Error && !(error instanceof CliError) ? (error.stack ?? error.message) : describe(error)
}

function readVersion(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8")
  return (JSON.parse(text) as { version: string }).version
}

process.exitCode = await main(process.argv)
