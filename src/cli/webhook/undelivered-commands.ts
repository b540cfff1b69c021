import type { Command } from "commander"
import type { AdminDeps } from "../admin/open-admin.ts"
import { runAdmin } from "../admin/run-admin.ts"
import { checkWhich, reportFailures, type Which, withWhich } from "../admin/which.ts"
import { parseCount } from "../parse-option.ts"
import { confirm } from "../terminal/confirm.ts"
import { countOf } from "../terminal/human-units.ts"
import { paintFor, print, printError } from "../terminal/terminal.ts"
import {
  allUndelivered,
  countWebhooks,
  dropEvents,
  renderUndelivered,
  resendEvents,
  undeliveredJson,
} from "./undelivered.ts"

const REACH = `
It connects to the Redis of the local stack, or to UPSTASH_REDIS_REST_URL with UPSTASH_REDIS_REST_TOKEN.`

const HELP_LIST = `
A failed webhook is retried, ten attempts in 76 hours, and then given up; 410 gives up at once. It is kept for a week.
\`resend --all\` and \`drop --all\` apply to all webhooks in this list.${REACH}

Examples:
  $ claimcheck webhook undelivered
  $ claimcheck webhook undelivered --json | jq -r 'select(.receiver == "https://example.com") | .id'`

const HELP_RESEND = `
Each is sent at once, with the same webhook-id and a new retry schedule.${REACH}

Examples:
  $ claimcheck webhook resend msg_7z3k0v5c8mq2x9r4t6w1y8a0bd_1767225600000
  $ claimcheck webhook resend --all

Exit codes: 0 done, 1 an event is unknown or you did not confirm, 2 the command is invalid, or --yes is missing without
a terminal, 130 interrupted.`

const NOTHING = "There are no undelivered webhooks."

export function addUndeliveredCommands(webhook: Command): void {
  addList(webhook)
  addResend(webhook)
  addDrop(webhook)
}

function addList(webhook: Command): void {
  webhook
    .command("undelivered")
    .summary("list undelivered webhooks")
    .description("List undelivered webhooks: those being retried, next first; then those given up, latest first.")
    .option("--limit <n>", "maximum number", parseCount, 50)
    .option("--json", "print one JSON line per item")
    .addHelpText("after", HELP_LIST)
    .action(({ limit, json }: { limit: number; json?: true }) =>
      runAdmin(async ({ outbox }) => {
        const retried = await outbox.listRetried({ count: limit })
        const undelivered = [...retried, ...(await outbox.listUndelivered({ count: limit }))].slice(0, limit)
        if (undelivered.length === 0) return json ? undefined : print(NOTHING)
        if (json) return print(undelivered.map(undeliveredJson).join("\n"))
        print(renderUndelivered(undelivered, { paint: paintFor(process.stdout), nowMs: Date.now() }))
        const more = retried.length + (await outbox.countUndelivered()) - limit
        if (more > 0) printError(`… and ${countOf(more, "more", "more")}: --limit shows them`)
      }),
    )
}

function addResend(webhook: Command): void {
  const resend = webhook
    .command("resend")
    .summary("resend webhooks")
    .description("Resend webhooks, delivered or not; with --all, all undelivered ones.")
    .addHelpText("after", HELP_RESEND)
  withEvents(resend).action((ids: string[], which: Which) =>
    runAdmin(async ({ outbox }, signal) => {
      const { chosen, what } = await choose(outbox, ids, which)
      if (chosen.length === 0) return
      // Confirm --all only: the user may not know how many items it covers.
      if (which.all) await confirm(`Send ${what} again, to their receivers.`, { yes: which.yes === true, signal })
      const done = await resendEvents(outbox, chosen, Date.now())
      const sent = done.missing.length === 0 ? what : countOf(done.resent.length, "webhook")
      print(which.json ? JSON.stringify(done) : `${sent} will be sent again`)
      reportFailures([[done.missing, "there is no such event, or its record has expired"]])
    }),
  )
}

function addDrop(webhook: Command): void {
  const drop = webhook
    .command("drop")
    .summary("drop undelivered webhooks")
    .description("Stop retrying undelivered webhooks. Their recorded attempts are kept until they expire.")
    .addHelpText("after", REACH)
  withEvents(drop).action((ids: string[], which: Which) =>
    runAdmin(async ({ outbox }, signal) => {
      const { chosen, what } = await choose(outbox, ids, which)
      if (chosen.length === 0) return
      await confirm(`Drop ${what} permanently.`, { yes: which.yes === true, signal })
      const done = await dropEvents(outbox, chosen)
      const dropped = done.missing.length === 0 ? what : countOf(done.dropped.length, "webhook")
      print(which.json ? JSON.stringify(done) : `${dropped} dropped`)
      reportFailures([[done.missing, "not among the undelivered, or being sent just now"]])
    }),
  )
}

const withEvents = (command: Command) => withWhich(command, "[event...]", "events, msg_…")

async function choose(outbox: AdminDeps["outbox"], ids: readonly string[], which: Which) {
  checkWhich(ids, which)
  const named = [...new Set(ids)]
  if (!which.all) return { chosen: named, what: countOf(named.length, "webhook") }
  const all = await allUndelivered(outbox)
  const chosen = [...all.retried, ...all.over]
  if (chosen.length === 0 && !which.json) print(NOTHING)
  return { chosen, what: countWebhooks(all) }
}
