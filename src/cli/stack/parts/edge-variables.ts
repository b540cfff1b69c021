import { edgeEnv } from "../../../edge/config.ts"

export type RestEndpoint = { url: string; token: string }

/** The local stack accepts anonymous callers by default. */
export function edgeVariables(
  env: NodeJS.ProcessEnv,
  rest: RestEndpoint,
  ticketSecrets: readonly string[],
): Record<string, string> {
  const given = Object.keys(edgeEnv.shape).flatMap((name) => (env[name] ? [[name, env[name]]] : []))
  return {
    ALLOW_ANONYMOUS: "true",
    ALLOWED_HOSTS: "localhost",
    RATE_LIMIT: "off",
    READ_LIMIT: "off",
    TICKET_SECRET: ticketSecrets.join(" "),
    ...Object.fromEntries(given),
    UPSTASH_REDIS_REST_URL: rest.url,
    UPSTASH_REDIS_REST_TOKEN: rest.token,
  }
}
