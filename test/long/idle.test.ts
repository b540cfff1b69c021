import { setTimeout as delay } from "node:timers/promises"
import { createClient } from "@redis/client"
import { expect, onTestFinished, test } from "vitest"
import { startStack } from "../support/stack/stack-harness.ts"

const MINUTE_MS = 60_000
const QUIET_MS = 2_000
/** Our own looks. */
const OURS = /^cmdstat_(info|config|client|hello|select|auth)/

test("a stack with nothing to do sends Redis at most ten commands a minute, pings included", async () => {
  const stack = await startStack()
  onTestFinished(stack.dispose)
  await stack.printed(/^ready /m)
  const redis = createClient({ url: stack.redisUrl() })
  await redis.connect()
  onTestFinished(() => redis.destroy())
  const seen = async () => {
    const info = await redis.info("commandstats")
    const lines = info.split("\r\n").filter((line) => line.startsWith("cmdstat_") && !OURS.test(line))
    return { lines, calls: lines.reduce((sum, line) => sum + Number(line.match(/calls=(\d+)/)?.[1] ?? 0), 0) }
  }
  // Each part has its first looks when it starts, which is not what is measured.
  for (let before = -1, now = 0; now !== before; await delay(QUIET_MS)) {
    before = now
    now = (await seen()).calls
  }
  await redis.configResetStat()
  await delay(MINUTE_MS) // the very thing that is measured

  const { lines, calls } = await seen()
  expect(calls, lines.join("\n")).toBeLessThanOrEqual(10)
  // A stack that had died would be quieter still.
  expect((await fetch(`${stack.url}/readyz`)).status).toBe(200)
}, 180_000)
