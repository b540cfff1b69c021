import { type Command, InvalidArgumentError } from "commander"
import { KEY_NAME } from "../../lib/callers/api-key.ts"
import { keyCaller } from "../../lib/callers/caller-id.ts"
import type { WebhookSettings, WebhookSettingsStore } from "../../lib/webhooks/webhook-settings.ts"
import { webhookUrlSchema } from "../../lib/webhooks/webhook-url.ts"
import { runAdmin } from "../admin/run-admin.ts"
import { CliError } from "../cli-error.ts"
import { countOf } from "../terminal/human-units.ts"
import { print, printError } from "../terminal/terminal.ts"

const HELP = `
The key is one of claimcheck keys list, or of API_KEYS. Without a secret of its own, its webhooks are signed with the
deployment's secret.
After --rotate the old secret, at first the deployment's, keeps signing next to the new one, until --drop-old. A new secret is shown once. Changes apply
within a minute.
It connects to the Redis of the local stack, or to UPSTASH_REDIS_REST_URL with UPSTASH_REDIS_REST_TOKEN.

Examples:
  $ claimcheck webhook settings alice
  $ claimcheck webhook settings alice --url https://example.com/hooks --rotate
  $ claimcheck webhook settings alice --drop-old
  $ claimcheck webhook settings alice --rotate --json | jq -r .secret > alice.secret

Exit codes: 0 shown or changed, 1 the queue cannot be reached, 2 the command is invalid, 130 interrupted.`

/** @property url false for --no-url */
type Options = { url?: string | false; rotate?: true; dropOld?: true; json?: true }

export function addSettingsCommand(webhook: Command): void {
  webhook
    .command("settings")
    .summary("show or change an API key's default URL and secrets")
    .description("Show or change the default webhook URL and the webhook secrets of an API key.")
    .argument("<key-name>", "name of the API key", parseKeyName)
    .option("--url <url>", "default URL of its webhooks", parseWebhookUrl)
    .option("--no-url", "no default URL")
    .option("--rotate", "create a new secret and print it once")
    .option("--drop-old", "sign with the newest secret only")
    .option("--json", "print JSON")
    .addHelpText("after", HELP)
    .action((name: string, options: Options) =>
      runAdmin(async ({ webhooks, apiKeys }) => {
        const { url: newUrl, rotate, dropOld } = options
        const isChange = newUrl !== undefined || rotate === true || dropOld === true
        const note = noteOnKey(name, {
          ...(await apiKeys.list()),
          isChange,
          before: await webhooks.read(keyCaller(name)),
        })
        if (note !== null) printError(note)
        const { settings, secret } = await changeSettings(webhooks, keyCaller(name), options)
        const { url = null, secrets } = settings
        if (options.json) {
          return print(
            JSON.stringify({ caller: keyCaller(name), url, secrets: secrets.length, ...(secret && { secret }) }),
          )
        }
        print(renderSettings(name, settings))
        if (secret === undefined) return
        printError("\nThe new secret, shown only once:")
        print(secret)
      }),
    )
}

type KnownKeys = { keys: readonly { name: string }[]; revoked: readonly { name: string }[] }

/**
 * A name that no key has is likely misspelt; but it may be one of the server's API_KEYS, which are not known here.
 * @returns what to say beside the change, or null
 * @throws CliError for a key that was revoked, and where there is nothing to show
 */
export function noteOnKey(
  name: string,
  { keys, revoked, isChange, before }: KnownKeys & { isChange: boolean; before: WebhookSettings },
): string | null {
  if (revoked.some((key) => key.name === name)) throw new CliError(`The key ${name} was revoked: it has no webhooks`)
  if (keys.some((key) => key.name === name) || before.url !== undefined || before.secrets.length > 0) return null
  if (isChange)
    return `note: claimcheck keys list has no ${name}; this is for a key of that name in the server's API_KEYS`
  throw new CliError(
    `There is no key ${name}: see claimcheck keys list; for one of the server's API_KEYS nothing is set`,
  )
}

/** Applies the changes; a new secret is printed only here. */
export async function changeSettings(
  store: Pick<WebhookSettingsStore, "read" | "setUrl" | "rotateSecret" | "dropOldSecrets">,
  caller: string,
  { url, rotate, dropOld }: Options,
): Promise<{ settings: WebhookSettings; secret?: string }> {
  if (url !== undefined) await store.setUrl(caller, url === false ? null : url)
  const made = rotate ? await store.rotateSecret(caller) : {}
  if (dropOld) await store.dropOldSecrets(caller)
  return { settings: await store.read(caller), ...made }
}

/** @param settings of which no secret is shown */
export function renderSettings(name: string, { url, secrets, deploymentSigns }: WebhookSettings): string {
  const others = deploymentSigns ? ", and the deployment's until --drop-old" : ""
  const newest = secrets.length > 1 ? " (the newest, and those that it replaces)" : others
  return [
    `key      ${name}`,
    `url      ${url ?? "none"}`,
    `secrets  ${secrets.length === 0 ? "none of its own: webhooks are signed with the deployment's" : `${countOf(secrets.length, "secret")}${newest}`}`,
  ].join("\n")
}

function parseKeyName(value: string): string {
  if (KEY_NAME.test(value)) return value
  throw new InvalidArgumentError("Expected a name as in API_KEYS: letters, digits, _ . and -.")
}

export function parseWebhookUrl(value: string): string {
  const parsed = webhookUrlSchema.safeParse(value)
  if (parsed.success) return parsed.data
  throw new InvalidArgumentError(`It ${parsed.error.issues.map(({ message }) => message).join(", ")}.`)
}
