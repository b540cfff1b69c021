import type { Client } from "./store-audit.ts"

/** What keeps connections, and what the meter itself asks: not sent over REST, and never billed. */
const NOT_BILLED = /^(ping|hello|client\|.*|config\|.*|info|select|auth)$/

/** How often each command ran; scripts count as one of their own beside the commands inside them. */
export type Bill = { total: number; commands: Record<string, number> }

/**
 * What Upstash would bill for `work`. Redis counts every command that it runs, those inside scripts too, which is how
 * Upstash counts (the cost table of `@upstash/ratelimit`).
 */
export async function billFor(client: Client, work: () => Promise<unknown>): Promise<Bill> {
  await client.configResetStat()
  await work()
  const stats = await client.info("commandstats")
  const commands: Record<string, number> = {}
  for (const [, name = "", calls] of stats.matchAll(/^cmdstat_(\S+?):calls=(\d+)/gm)) {
    if (!NOT_BILLED.test(name)) commands[name] = Number(calls)
  }
  return { total: Object.values(commands).reduce((sum, calls) => sum + calls, 0), commands }
}

/** What each of `count` costs, over what is paid anyway. */
export function billPer(count: number, bill: Bill, anyway: Bill = { total: 0, commands: {} }): Bill {
  const names = [...new Set([...Object.keys(bill.commands), ...Object.keys(anyway.commands)])].sort()
  const each = (name: string) => ((bill.commands[name] ?? 0) - (anyway.commands[name] ?? 0)) / count
  const commands = Object.fromEntries(names.map((name) => [name, each(name)]).filter(([, calls]) => calls !== 0))
  return { total: (bill.total - anyway.total) / count, commands }
}
