import { randomBytes } from "node:crypto"
import { chmodSync, readFileSync, renameSync, writeFileSync } from "node:fs"
import { z } from "zod"
import { isWebhookSecret, newWebhookSecret } from "../../../lib/webhooks/webhook-secret.ts"
import { CliError } from "../../cli-error.ts"

const secretsSchema = z.looseObject({
  gatewayToken: z.string().min(32),
  /** Newest first: the first one signs, all of them are accepted. */
  ticketSecrets: z.array(z.string().min(32)).min(1),
  /** Newest first; all of them sign. */
  webhookSecrets: z.array(z.string().refine(isWebhookSecret)).min(1),
  /** Of the private Redis: others on this machine can reach its port. */
  redisPassword: z.string().regex(/^[0-9a-f]{32,}$/),
})
/** A file may be older than the newest of its fields. */
const fileSchema = secretsSchema.partial({ webhookSecrets: true, redisPassword: true })

export type Secrets = z.infer<typeof secretsSchema>

/** The local stack's own secrets: made once, kept in a file that only this user can read. */
export function keepSecrets(path: string): Secrets {
  const kept = readFile(path)
  const made: Secrets = {
    ...kept,
    gatewayToken: kept?.gatewayToken ?? newSecret(),
    ticketSecrets: kept?.ticketSecrets ?? [newSecret()],
    webhookSecrets: kept?.webhookSecrets ?? [newWebhookSecret()],
    redisPassword: kept?.redisPassword ?? newSecret(),
  }
  if (kept?.webhookSecrets !== undefined && kept.redisPassword !== undefined) return made
  const draft = `${path}.${process.pid}`
  writeFileSync(draft, `${JSON.stringify(made, null, 2)}\n`, { mode: 0o600, flag: "wx" })
  renameSync(draft, path)
  return made
}

/** What the local stack signs webhooks with; nothing where none was ever started. */
export function readWebhookSecrets(path: string): string[] {
  return readFile(path)?.webhookSecrets ?? []
}

/** Where a part runs, with secrets to sign webhooks with: the user's own, or else these. */
export function signing<T extends { env: NodeJS.ProcessEnv }>(deps: T, secrets: readonly string[]): T {
  const { env } = deps
  return env.WEBHOOK_SECRETS ? deps : { ...deps, env: { ...env, WEBHOOK_SECRETS: secrets.join(" ") } }
}

function newSecret(): string {
  return randomBytes(32).toString("hex")
}

function readFile(path: string): z.infer<typeof fileSchema> | null {
  let text: string
  try {
    text = readFileSync(path, "utf8")
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null
    throw error
  }
  chmodSync(path, 0o600)
  try {
    return fileSchema.parse(JSON.parse(text))
  } catch {
    // A parser's message quotes its input, and the input is secret: print the path only.
    throw new CliError(`Cannot read ${path}: it is not the file that claimcheck wrote. Delete it to make new secrets.`)
  }
}
