import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import type { RunningEdge } from "./edge-runtime.ts"

export type EdgeCommand = {
  command: string
  args: readonly string[]
  env?: Record<string, string>
  /** Where the output says the address. */
  ready: RegExp
}

/** The edge under Node as it is deployed. */
export function nodeEdge(): EdgeCommand {
  const script = "dist/edge/node.js"
  if (!existsSync(script)) throw new Error(`Cannot find ${script}: run "npm run build" first`)
  return { command: process.execPath, args: [script], env: { PORT: "0" }, ready: /"edge\.ready","url":"([^"]+)"/ }
}

/** The edge under Deno with no more permissions than it needs, and nothing fetched from anywhere. */
export function denoEdge(): EdgeCommand {
  const permissions = ["--allow-net", "--allow-env", "--no-prompt"]
  const offline = ["--cached-only", "--no-lock", "--node-modules-dir=manual"]
  return {
    command: "node_modules/.bin/deno",
    args: ["serve", "--port=0", "--host=127.0.0.1", ...permissions, ...offline, "src/edge/deno.ts"],
    env: { NO_COLOR: "1" },
    ready: /Listening on (http:\/\/[\d.:]+)/,
  }
}

/** Starts the edge as a process of its own, with nothing of our environment but the PATH. */
export async function openProcess(edge: EdgeCommand, env: Record<string, string>): Promise<RunningEdge> {
  const { PATH = "", HOME = "" } = process.env
  const child = spawn(edge.command, edge.args, {
    env: { PATH, HOME, ...edge.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  })
  const killWithUs = () => void child.kill("SIGKILL")
  process.once("exit", killWithUs)
  child.once("exit", () => process.off("exit", killWithUs))
  let output = ""
  const url = await new Promise<string>((resolve, reject) => {
    const read = (chunk: Buffer) => {
      output += chunk
      const found = output.match(edge.ready)?.[1]
      if (found !== undefined) resolve(found)
    }
    child.stdout.on("data", read)
    child.stderr.on("data", read)
    child.once("error", reject)
    child.once("exit", (code) => reject(new Error(`Cannot start the edge, exit code ${code}:\n${output}`)))
  })
  return {
    request: (path, init) => fetch(url + path, init),
    logged: () => output,
    close: () => end(child),
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, "exit")
  child.kill("SIGTERM")
  await exited
}
