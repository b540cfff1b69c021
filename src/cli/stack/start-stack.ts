import { join } from "node:path"
import { ApiKeyStore } from "../../lib/callers/api-key-store.ts"
import { flag } from "../../lib/env.ts"
import { createKeys } from "../../lib/redis/keys.ts"
import { connectRest } from "../../lib/redis/rest.ts"
import { makeFolder } from "../files/make-folder.ts"
import { isInstalled, modelsFolder } from "../package-root.ts"
import { prepareStack, type StackPlan } from "./parts/prepare-stack.ts"
import type { StackConfig } from "./parts/stack-config.ts"
import { areGone } from "./processes/are-gone.ts"
import type { Interrupts } from "./processes/interrupts.ts"
import { signalGroup } from "./processes/process-group.ts"
import { type Run, RunFile } from "./processes/run-file.ts"
import { startReaper } from "./processes/start-reaper.ts"
import { RunningStack } from "./running-stack.ts"
import type { StackOutput } from "./stack-output.ts"

const LEFTOVERS_GRACE_MS = 5_000

/** Runs the local stack until it is interrupted. Throws what to tell when it cannot start or cannot go on. */
export async function startStack(config: StackConfig, output: StackOutput, interrupts: Interrupts): Promise<void> {
  await makeFolder(config.home, { named: "CLAIMCHECK_HOME", mode: 0o700 })
  if (isInstalled(config.root)) await makeFolder(modelsFolder(), { named: "models" })
  const runFile = await claimFolder(config, output)
  const reaper = startReaper()
  const stack = new RunningStack(output, runFile, reaper)
  interrupts.hurry.addEventListener("abort", () => stack.kill())
  try {
    const plan = await prepareStack(config, output, interrupts.stop)
    const interrupted = whenAborted(interrupts.stop)
    await Promise.race([bringUp(stack, plan, { config, output, runFile, stop: interrupts.stop }), interrupted])
    await Promise.race([stack.failed, interrupted])
  } catch (error) {
    if (!interrupts.stop.aborted) throw error
  } finally {
    await stack.stop()
    await reaper.end()
    runFile.remove()
  }
  output.say("stack.stopped", {}, "stopped")
}

type BringUp = { config: StackConfig; output: StackOutput; runFile: RunFile; stop: AbortSignal }

async function bringUp(
  stack: RunningStack,
  plan: StackPlan,
  { config, output, runFile, stop }: BringUp,
): Promise<void> {
  const startedMs = performance.now()
  for (const parts of plan.stages) {
    if (stop.aborted) return
    await Promise.race([stack.start(parts), stack.failed])
  }
  runFile.setReady(plan)
  const tookMs = Math.round(performance.now() - startedMs)
  output.say(
    "stack.ready",
    { url: plan.url, tookMs },
    readyText(plan.url, { tookMs, access: await accessText(config.env, plan) }),
  )
  output.setCalm(false)
}

async function claimFolder(config: StackConfig, output: StackOutput): Promise<RunFile> {
  const { file, leftovers } = await RunFile.claim(join(config.home, "run.json"))
  if (leftovers.length > 0) {
    const names = leftovers.map(({ name, pgid }) => `${name} (${pgid})`).join(", ")
    output.warn("stack.leftovers", { leftovers }, `  An earlier run was killed and left ${names}: stopping it first.`)
    await stopLeftovers(leftovers)
  }
  return file
}

/** Stops what an earlier run left behind: SIGTERM, a few seconds, SIGKILL. */
async function stopLeftovers(groups: Run["groups"]): Promise<void> {
  const pgids = groups.map(({ pgid }) => pgid)
  for (const pgid of pgids) signalGroup(pgid, "SIGTERM")
  if (await areGone(pgids, LEFTOVERS_GRACE_MS)) return
  for (const pgid of pgids) signalGroup(pgid, "SIGKILL")
  await areGone(pgids, LEFTOVERS_GRACE_MS)
}

function whenAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }))
}

/** The key for requests; "" if none is required. */
async function accessText(env: NodeJS.ProcessEnv, { rest, url }: StackPlan): Promise<string> {
  if (flag(true).parse(env.ALLOW_ANONYMOUS || undefined)) return ""
  const store = new ApiKeyStore(connectRest({ ...rest, timeoutMs: 5_000 }), createKeys())
  const hasKey =
    Boolean(env.API_KEYS) || // A stack that runs is not stopped for a hint.
    (await store.any().catch(() => true))
  const make = "npx claimcheck keys create NAME"
  return [
    hasKey
      ? `  Requests need an API key (another one: ${make}):`
      : `  Requests need an API key, and there is none yet. Make one first: ${make}`,
    `  curl -H "authorization: Bearer $CLAIMCHECK_KEY" -F image=@photo.jpg ${url}/v1/classifications`,
  ].join("\n")
}

function readyText(url: string, { tookMs, access }: { tookMs: number; access: string }): string {
  return [
    "",
    `ready ${url}  (${(tookMs / 1000).toFixed(1)} s)`,
    "",
    `  ${url} in a browser, or:`,
    access === "" ? `  curl -F image=@photo.jpg ${url}/v1/classifications` : access,
    `  npx claimcheck classify photo.jpg${url.endsWith(":8787") ? "" : ` --url ${url}`}${access === "" ? "" : " --key KEY"}`,
    "",
    "  Ctrl-C stops every part.",
    "",
  ].join("\n")
}
