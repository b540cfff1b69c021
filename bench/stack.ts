import { readFileSync } from "node:fs"
import { join } from "node:path"
import { startStack } from "../test/support/stack/stack-harness.ts"

export type BenchStack = {
  url: string
  rest: { url: string; token: string }
  /** The process group of a part. */
  groupOf(name: string): number
  stop(): Promise<void>
}

/** The real local stack on free ports, with what is needed to look into its queue. */
export async function startBenchStack(edge: "node" | "workerd", env: NodeJS.ProcessEnv = {}): Promise<BenchStack> {
  const stack = await startStack(["--edge", edge], env)
  await stack.printed(/^ready .*$/m)
  const { gatewayToken } = JSON.parse(readFileSync(join(stack.home, "secrets.json"), "utf8")) as {
    gatewayToken: string
  }
  let stopping: Promise<void> | undefined
  return {
    url: stack.url,
    rest: { url: `http://127.0.0.1:${stack.env.GATEWAY_PORT}`, token: gatewayToken },
    groupOf: stack.groupOf,
    stop() {
      stopping ??= stack.dispose()
      return stopping
    },
  }
}
