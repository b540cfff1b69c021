import { type ChildProcess, spawn } from "node:child_process"
import { createInterface } from "node:readline"
import type { Readable } from "node:stream"
import { setTimeout as delay } from "node:timers/promises"
import type { Part, PartStream } from "../parts/part.ts"

export type Exit = { code: number | null; signal: NodeJS.Signals | null; error?: Error }
export type ProcessGroup = { pid: number | null; exited: Promise<Exit>; signal: (signal: NodeJS.Signals) => void }

/** Starts a command in a process group of its own, so that Ctrl-C reaches only us, and its children can be stopped with it. */
export function spawnGroup(
  { command, args, cwd, env }: Pick<Part, "command" | "args" | "cwd" | "env">,
  onLine: (raw: string, stream: PartStream) => void,
): ProcessGroup {
  const child = spawn(command, args, { cwd, env, detached: true, stdio: ["ignore", "pipe", "pipe"] })
  const drained = Promise.all([
    eachLine(child.stdout, (line) => onLine(line, "stdout")),
    eachLine(child.stderr, (line) => onLine(line, "stderr")),
  ])
  const pid = child.pid ?? null
  const exited = whenExited(child).then(async (exit) => {
    if (pid !== null) signalGroup(pid, "SIGKILL")
    // The last lines matter most; a grandchild that keeps the pipe open must not block us.
    await Promise.race([drained, delay(500, undefined, { ref: false })])
    return exit
  })
  return { pid, exited, signal: (signal) => void child.kill(signal) }
}

/** False when the group is empty. */
export function signalGroup(pgid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-pgid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false
    // macOS answers EPERM for a group of zombies.
    if ((error as NodeJS.ErrnoException).code === "EPERM") return false
    throw error
  }
}

export function describeExit({ code, signal, error }: Exit): string {
  if (error !== undefined) return `could not be started (${error.message})`
  return signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`
}

function whenExited(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve) => {
    child.once("error", (error) => resolve({ code: null, signal: null, error }))
    child.once("exit", (code, signal) => resolve({ code, signal }))
  })
}

function eachLine(stream: Readable, onLine: (line: string) => void): Promise<void> {
  return new Promise((resolve) => {
    createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on("line", onLine).once("close", resolve)
  })
}
