import { randomBytes } from "node:crypto"
import { chmodSync, readFileSync, writeFileSync } from "node:fs"
import { z } from "zod"
import { CliError } from "../cli-error.ts"

const secretsSchema = z.object({
  gatewayToken: z.string().min(32),
  /** Newest first: the first one signs, all of them are accepted. */
  ticketSecrets: z.array(z.string().min(32)).min(1),
})
export type Secrets = z.infer<typeof secretsSchema>

/** The local stack's own secrets: made once, kept in a file that only this user can read. */
export function keepSecrets(path: string): Secrets {
  const kept = readSecrets(path)
  if (kept !== null) return kept
  const made: Secrets = { gatewayToken: newSecret(), ticketSecrets: [newSecret()] }
  writeFileSync(path, `${JSON.stringify(made, null, 2)}\n`, { mode: 0o600, flag: "wx" })
  return made
}

function newSecret(): string {
  return randomBytes(32).toString("hex")
}

function readSecrets(path: string): Secrets | null {
  let text: string
  try {
    text = readFileSync(path, "utf8")
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null
    throw error
  }
  chmodSync(path, 0o600)
  try {
    return secretsSchema.parse(JSON.parse(text))
  } catch {
    // A parser's message quotes what it read, and these are secrets: the path alone is told.
    throw new CliError(`Cannot read ${path}: it is not the file that claimcheck wrote. Delete it to make new secrets.`)
  }
}
