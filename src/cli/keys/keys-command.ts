import { type Command, InvalidArgumentError } from "commander"
import { hashApiKey, KEY_NAME, newApiKey } from "../../lib/callers/api-key.ts"
import { keyCaller } from "../../lib/callers/caller-id.ts"
import { rateLimitSchema } from "../../lib/callers/rate-limit.ts"
import { runAdmin } from "../admin/run-admin.ts"
import { CliError, EXIT } from "../cli-error.ts"
import { parseCount } from "../parse-option.ts"
import { confirm } from "../terminal/confirm.ts"
import { paintFor, print, printError } from "../terminal/terminal.ts"
import { parseWebhookUrl } from "../webhook/settings-command.ts"
import { renderKeyList } from "./render-keys.ts"

const HELP = `
A key is shown once, when it is created; only its hash is stored. A revoked key stops working everywhere within 15 seconds.
Names are never reused, and nobody can read the tickets of a revoked key.
These commands connect to the Redis of the local stack, or to UPSTASH_REDIS_REST_URL with UPSTASH_REDIS_REST_TOKEN. Keys
in the server's API_KEYS are not listed here.

Examples:
  $ claimcheck keys create alice
  $ claimcheck keys create nightly --weight 0.5 --rate 1000/1h --max-depth 5000 --webhook-url https://example.com/hooks
  $ KEY=$(claimcheck keys create ci --json | jq -r .key)
  $ claimcheck keys list
  $ claimcheck keys revoke alice

Exit codes: 0 done, 1 the name is taken or not known, or the queue cannot be reached, 2 the command is invalid, or
--yes is missing without a terminal, 130 interrupted.`

type CreateOptions = {
  weight?: number
  rate?: string
  maxDepth?: number
  webhookUrl?: string
  json?: true
}

export function addKeysCommand(program: Command): void {
  const keys = program
    .command("keys")
    .summary("create, list and revoke API keys")
    .description("Create, list and revoke API keys.")
    .addHelpText("after", HELP)
  addCreate(keys)
  addList(keys)
  addRevoke(keys)
}

function addCreate(keys: Command): void {
  keys
    .command("create")
    .description("Create a key and print it once.")
    .argument("<name>", "letters, digits, _ . and -", parseKeyName)
    .option("--weight <n>", "share of a busy queue (default: 1)", parseWeight)
    .option("--rate <limit>", "rate limit, such as 100/60s, instead of RATE_LIMIT", parseRate)
    .option("--max-depth <n>", "limit of waiting jobs, instead of MAX_QUEUE_DEPTH_PER_CALLER", parseCount)
    .option("--webhook-url <url>", "default URL of its webhooks", parseWebhookUrl)
    .option("--json", "print JSON")
    .action((name: string, { weight = 1, rate, maxDepth, webhookUrl, json }: CreateOptions) =>
      runAdmin(async ({ apiKeys, webhooks }) => {
        const key = await newApiKey()
        const record = { name, weight, ...(rate && { rateLimit: rate }), ...(maxDepth && { maxDepth }) }
        const outcome = await apiKeys.create({ ...record, createdMs: Date.now() }, await hashApiKey(key))
        if (outcome !== "created") throw nameGiven(name, outcome)
        // Printed first: whatever fails from here on, the key is made.
        if (!json) printError("The key, shown only once:")
        print(json ? JSON.stringify({ ...record, key }) : key)
        if (webhookUrl !== undefined) await webhooks.setUrl(keyCaller(name), webhookUrl)
      }),
    )
}

function addList(keys: Command): void {
  keys
    .command("list")
    .description("List keys with their limits, and revoked keys.")
    .option("--json", "print JSON")
    .action(({ json }: { json?: true }) =>
      runAdmin(async ({ apiKeys }) => {
        const list = await apiKeys.list()
        print(json ? JSON.stringify(list) : renderKeyList(list, paintFor(process.stdout)))
      }),
    )
}

function addRevoke(keys: Command): void {
  keys
    .command("revoke")
    .description("Revoke a key permanently. Its jobs still run, but nobody can read their tickets.")
    .argument("<name>", "of the key", parseKeyName)
    .option("-y, --yes", "do not ask for confirmation")
    .option("--json", "print the outcome as JSON")
    .action((name: string, { yes, json }: { yes?: true; json?: true }) =>
      runAdmin(async ({ apiKeys }, signal) => {
        await confirm(`Revoke ${name}: nobody can read its tickets any more, and the name stays taken.`, {
          yes: yes === true,
          signal,
        })
        const outcome = await apiKeys.revoke(name, Date.now())
        if (outcome === "missing") throw new CliError(`There is no key ${name}: see claimcheck keys list`)
        print(json ? JSON.stringify({ name, revoked: true }) : `${name} is revoked: it is refused within 15 s`)
      }),
    )
}

function nameGiven(name: string, outcome: "taken" | "revoked"): CliError {
  const why = outcome === "taken" ? "the name is taken" : "a key of that name was revoked, and names are never reused"
  return new CliError(`Cannot make the key ${name}: ${why}. Choose another name`, {
    code: `name_${outcome}`,
    exitCode: EXIT.failed,
  })
}

function parseKeyName(value: string): string {
  if (KEY_NAME.test(value)) return value
  throw new InvalidArgumentError("Expected up to 64 letters, digits, _ . and -, the first one a letter or digit.")
}

export function parseWeight(value: string): number {
  const weight = Number(value)
  if (/^\d{1,4}(\.\d{1,3})?$/.test(value) && weight > 0) return weight
  throw new InvalidArgumentError("Expected a number from 0.001, such as 2 or 0.5.")
}

/** As it was written: the edge reads it. */
export function parseRate(value: string): string {
  const parsed = rateLimitSchema.safeParse(value)
  if (parsed.success) return value
  throw new InvalidArgumentError(`It ${parsed.error.issues.map(({ message }) => message).join(", ")}.`)
}
