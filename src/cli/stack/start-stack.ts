import { join } from "node:path"
import { makeFolder } from "../make-folder.ts"
import { prepareStack, type StackPlan } from "./parts/prepare-stack.ts"
import type { StackConfig } from "./parts/stack-config.ts"
import type { Interrupts } from "./processes/interrupts.ts"
import { RunFile } from "./processes/run-file.ts"
import { startReaper } from "./processes/start-reaper.ts"
import { stopLeftovers } from "./processes/stop-leftovers.ts"
import { RunningStack } from "./running-stack.ts"
import type { StackOutput } from "./stack-output.ts"

/** Runs the local stack until it is interrupted. Throws what to tell when it cannot start or cannot go on. */
export async function startStack(config: StackConfig, output: StackOutput, interrupts: Interrupts): Promise<void> {
  await makeFolder(config.home, { named: "CLAIMCHECK_HOME", mode: 0o700 })
  const runFile = await claimFolder(config, output)
  const reaper = startReaper()
  const stack = new RunningStack(output, runFile, reaper)
  interrupts.hurry.addEventListener("abort", () => stack.kill())
  try {
    const plan = await prepareStack(config, output, interrupts.stop)
    const interrupted = whenAborted(interrupts.stop)
    await Promise.race([bringUp(stack, plan, { output, runFile, stop: interrupts.stop }), interrupted])
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

type BringUp = { output: StackOutput; runFile: RunFile; stop: AbortSignal }

async function bringUp(stack: RunningStack, plan: StackPlan, { output, runFile, stop }: BringUp): Promise<void> {
  const startedMs = performance.now()
  for (const parts of plan.stages) {
    if (stop.aborted) return
    await Promise.race([stack.start(parts), stack.failed])
  }
  runFile.setReady(plan)
  const tookMs = Math.round(performance.now() - startedMs)
  output.say("stack.ready", { url: plan.url, tookMs }, readyText(plan.url, tookMs))
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

function whenAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }))
}

function readyText(url: string, tookMs: number): string {
  return [
    "",
    `ready ${url}  (${(tookMs / 1000).toFixed(1)} s)`,
    "",
    `  ${url} in a browser, or:`,
    `  curl -F image=@photo.jpg ${url}/v1/classifications`,
    `  npx claimcheck classify photo.jpg${url.endsWith(":8787") ? "" : ` --url ${url}`}`,
    "",
    "  Ctrl-C stops every part.",
    "",
  ].join("\n")
}
