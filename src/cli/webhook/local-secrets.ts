import { join } from "node:path"
import { splitWords } from "../../lib/env.ts"
import { isWebhookSecret } from "../../lib/webhooks/webhook-secret.ts"
import { CliError, EXIT } from "../cli-error.ts"
import { readWebhookSecrets } from "../stack/parts/secrets.ts"
import { findHome } from "../stack/parts/stack-config.ts"

/** What webhooks are signed with here, newest first: as given, or else as the stack on this machine made it. @throws CliError */
export function findSecrets(given: string | undefined): string[] {
  if (given) return parseSecrets(given)
  const secrets = readWebhookSecrets(join(findHome(process.env), "secrets.json"))
  if (secrets.length > 0) return secrets
  throw new CliError("There is no webhook secret: start the stack once, or give one with WEBHOOK_SECRETS", {
    exitCode: EXIT.usage,
  })
}

/** Not commander's argParser: its error would quote the value. */
export function parseSecrets(value: string): string[] {
  const secrets = splitWords(value)
  if (secrets.length > 0 && secrets.every(isWebhookSecret)) return secrets
  throw new CliError("Cannot read --secret (or WEBHOOK_SECRETS): expected whsec_ and base64 of 24 to 64 bytes", {
    exitCode: EXIT.usage,
  })
}
