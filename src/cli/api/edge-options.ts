import { type Command, Option } from "commander"

export const DEFAULT_URL = "http://localhost:8787"

export type EdgeAddress = { url: string; key?: string | undefined }
export type EdgeOptions = EdgeAddress & { json?: true }

/** The options of every command that talks to an edge. */
export function withEdgeOptions(command: Command): Command {
  return command
    .addOption(new Option("--url <url>", "address of the server").env("CLAIMCHECK_URL").default(DEFAULT_URL))
    .addOption(new Option("--key <key>", "API key").env("CLAIMCHECK_KEY"))
    .option("--json", "print the response as JSON")
}
