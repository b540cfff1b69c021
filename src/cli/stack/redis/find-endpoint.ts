import { CliError, EXIT } from "../../cli-error.ts"
import type { RestEndpoint } from "../parts/edge-variables.ts"
import { readRun } from "../processes/run-file.ts"

/** What the environment names, else the stack that runs on this machine. @throws CliError when there is neither */
export function findEndpoint(env: NodeJS.ProcessEnv, runPath: string): RestEndpoint {
  const { UPSTASH_REDIS_REST_URL: url, UPSTASH_REDIS_REST_TOKEN: token } = env
  if (url && token) return { url, token }
  if (url) {
    throw new CliError("Cannot use UPSTASH_REDIS_REST_URL without UPSTASH_REDIS_REST_TOKEN: set both, or neither", {
      exitCode: EXIT.usage,
    })
  }
  const rest = readRun(runPath)?.rest
  if (rest !== undefined) return rest
  throw new CliError(
    "Cannot find the queue: no stack runs here. Start one with `npm start`, or name the queue of another with " +
      "UPSTASH_REDIS_REST_URL and UPSTASH_REDIS_REST_TOKEN",
  )
}
