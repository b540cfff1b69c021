import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync } from "node:fs"
import { workerdEdgePart } from "../../../src/cli/stack/parts/parts.ts"
import type { RunningEdge } from "./edge-runtime.ts"

export type EdgeCommand = {
  command: string
  args: readonly string[]
  env?: Record<string, string>
  /** Where the output says the address, or the port on the loopback. */
  ready: RegExp
}

/** The edge under Node as it is deployed. */
export function nodeEdge(): EdgeCommand {
  const script = "dist/edge/node.js"
  if (!existsSync(script)) throw new Error(`Cannot find ${script}: run "npm run build" first`)
  return {
    command: process.execPath,
    args: [script],
    env: { PORT: "0", HEALTH_PORT: "0", SHUTDOWN_DELAY_MS: "0" },
    ready: /"edge\.ready","url":"([^"]+)"/,
  }
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

/** The edge under workerd, as `npm start` runs it; its configuration is written to the folder. */
export function workerdEdge(variables: Record<string, string>, folder: string): EdgeCommand {
  const { command, args } = workerdEdgePart({ root: process.cwd(), env: {} }, variables, { port: 0, folder })
  return {
    command,
    // It says on this descriptor which port it was given.
    args: [...args, "--control-fd=1"],
    ready: /"socket":"http","port":(\d+)/,
  }
}

export type EdgeProcess = RunningEdge & {
  url: string
  pid: number
  ended: Promise<{ code: number | null; output: string }>
}

/** Starts the edge as a process of its own, with nothing of our environment but the PATH, and waits until it is ready. */
export async function openProcess(edge: EdgeCommand, env: Record<string, string>): Promise<EdgeProcess> {
  const { child, logged, ended } = spawnEdge(edge, env)
  const url = await new Promise<string>((resolve, reject) => {
    const look = () => {
      const found = logged().match(edge.ready)?.[1]
      if (found !== undefined) resolve(/^\d+$/.test(found) ? `http://127.0.0.1:${found}` : found)
    }
    child.stdout?.on("data", look)
    child.stderr?.on("data", look)
    ended.then(({ code, output }) => reject(new Error(`Cannot start the edge, exit code ${code}:\n${output}`)), reject)
  })
  return {
    url,
    pid: child.pid as number,
    logged,
    ended,
    request: (path, init) => fetch(url + path, init),
    async close() {
      child.kill("SIGTERM")
      await ended
    },
  }
}

export function spawnEdge(edge: EdgeCommand, env: Record<string, string>) {
  const { PATH = "", HOME = "" } = process.env
  const child: ChildProcess = spawn(edge.command, edge.args, {
    env: { PATH, HOME, ...edge.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  })
  const killWithUs = () => void child.kill("SIGKILL")
  process.once("exit", killWithUs)
  let output = ""
  const read = (chunk: Buffer) => {
    output += chunk
  }
  child.stdout?.on("data", read)
  child.stderr?.on("data", read)
  const ended = once(child, "close").then(([code]) => {
    process.off("exit", killWithUs)
    return { code: code as number | null, output }
  })
  return { child, logged: () => output, ended }
}
