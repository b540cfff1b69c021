import { type Command, InvalidArgumentError } from "commander"
import { KEY_NAME } from "../../lib/callers/api-key.ts"
import { keyCaller } from "../../lib/callers/caller-id.ts"
import type { WebhookSettings, WebhookSettingsStore } from "../../lib/webhooks/webhook-settings.ts"
import { webhookUrlSchema } from "../../lib/webhooks/webhook-url.ts"
import { CliError } from "../cli-error.ts"
import { countOf } from "../human-units.ts"
import { operate } from "../operate/operate.ts"
import { print, printError } from "../terminal.ts"

const HELP = `
A key's name is the one in the list of claimcheck keys, or in API_KEYS. Without secrets of its own, its webhooks are signed
with the deployment's.
Rotating: the secret before goes on signing beside the new one, so that receivers can go over; --drop-old ends that. A new
secret is shown once, here. A change is in force within a minute.
It talks to the queue's Redis: that of the stack on this machine, or UPSTASH_REDIS_REST_URL and UPSTASH_REDIS_REST_TOKEN.

Examples:
  $ claimcheck webhook settings alice
  $ claimcheck webhook settings alice --url https://example.com/hooks --rotate
  $ claimcheck webhook settings alice --drop-old
  $ claimcheck webhook settings alice --rotate --json | jq -r .secret > alice.secret

Exit codes: 0 shown or changed, 1 the queue cannot be reached, 2 the command was not understood, 130 interrupted.`

/** @property url false for --no-url */
type Options = { url?: string | false; rotate?: true; dropOld?: true; json?: true }

export function addSettingsCommand(webhook: Command): void {
  webhook
    .command("settings")
    .summary("an API key's default URL and its secrets")
    .description("Show or change where an API key's webhooks go by default, and what they are signed with.")
    .argument("<key-name>", "name of the API key", parseKeyName)
    .option("--url <url>", "send them there, unless a submit says otherwise", parseWebhookUrl)
    .option("--no-url", "send none, unless a submit says so")
    .option("--rotate", "make a new secret and print it, once")
    .option("--drop-old", "from now on let the newest secret sign alone")
    .option("--json", "print it as JSON")
    .addHelpText("after", HELP)
    .action((name: string, options: Options) =>
      operate(async ({ webhooks, apiKeys }) => {
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
        printError("\nThe new secret, shown only now:")
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
    `There is no key ${name}: claimcheck keys list shows those there are; for one of the server's API_KEYS nothing is set`,
  )
}

/** Changes what is asked for; the secret that was made is told here and nowhere else. */
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
export function renderSettings(name: string, { url, secrets }: WebhookSettings): string {
  const newest = secrets.length > 1 ? " (the newest, and those that it replaces)" : ""
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
