import { CliError, EXIT } from "../../cli-error.ts"
import type { Part } from "../parts/part.ts"
import type { StackOutput } from "../stack-output.ts"
import type { Interrupts } from "./interrupts.ts"
import { describeExit, signalGroup, spawnGroup } from "./process-group.ts"
import { startReaper } from "./start-reaper.ts"

/** What our own parts end with when their configuration is wrong. */
const CONFIG_EXIT = 2

/**
 * Runs one part beside a stack, until it is interrupted; whoever runs us starts it again when it dies.
 * @throws CliError when it ends by itself
 */
export async function runAlone(part: Part, output: StackOutput, { stop, hurry }: Interrupts): Promise<void> {
  output.setCalm(false)
  output.partUp(part.name)
  const reaper = startReaper()
  const { pid, exited, signal } = spawnGroup(part, (raw, stream) => {
    const line = part.readLine(raw, stream)
    if (line !== null) output.partLine(part.name, line)
  })
  if (pid !== null) {
    reaper.watch(part.name, pid)
    stop.addEventListener("abort", () => signal("SIGTERM"))
    hurry.addEventListener("abort", () => signalGroup(pid, "SIGKILL"))
  }
  const exit = await exited
  if (pid !== null) reaper.forget(part.name, pid)
  await reaper.end()
  if (stop.aborted) return
  const exitCode = exit.code === CONFIG_EXIT ? EXIT.usage : EXIT.failed
  throw new CliError(`The ${part.name} ${describeExit(exit)}`, { exitCode })
}
