/** What the edge is configured by; a variable that is set in our environment is handed on. */
const HANDED_ON = [
  "ALLOWED_HOSTS",
  "ALLOW_ANONYMOUS",
  "ALLOW_EVICTION",
  "API_KEYS",
  "BODY_TIMEOUT_MS",
  "CORS_ORIGINS",
  "DEAD_TTL_S",
  "DEFAULT_MODEL",
  "JOB_DEADLINE_MS",
  "JOB_TIMEOUT_MS",
  "LEASE_MS",
  "LOG_LEVEL",
  "MAX_ALL_OUTPUT_BYTES",
  "MAX_ATTEMPTS",
  "MAX_BATCH_BYTES",
  "MAX_BATCH_ROWS",
  "MAX_BYTES_IN_FLIGHT",
  "MAX_BYTES_IN_FLIGHT_PER_CALLER",
  "MAX_IMAGE_BYTES",
  "MAX_IMAGE_PIXELS",
  "MAX_IMAGE_SIDE",
  "MAX_OUTPUT_BYTES",
  "MAX_QUEUE_BYTES",
  "MAX_QUEUE_DEPTH",
  "MAX_QUEUE_DEPTH_PER_CALLER",
  "MIN_BODY_BYTES_PER_S",
  "OTEL_EXPORTER_OTLP_ENDPOINT",
  "OTEL_EXPORTER_OTLP_HEADERS",
  "OTEL_EXPORTER_OTLP_TIMEOUT",
  "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
  "OTEL_EXPORTER_OTLP_TRACES_HEADERS",
  "OTEL_SDK_DISABLED",
  "OTEL_SERVICE_NAME",
  "OTEL_TRACES_EXPORTER",
  "PAYLOAD_SECRET",
  "PAYLOAD_SECRET_ACCEPTS_PLAIN",
  "PUBLIC_URL",
  "RATE_LIMIT",
  "READ_LIMIT",
  "RESULT_TTL_S",
  "TICKET_SECRET",
] as const

export type RestEndpoint = { url: string; token: string }

/** The local stack is open to whoever can reach the loopback, unless its user says otherwise. */
export function edgeVariables(
  env: NodeJS.ProcessEnv,
  rest: RestEndpoint,
  ticketSecrets: readonly string[],
): Record<string, string> {
  const given = HANDED_ON.flatMap((name) => {
    const value = env[name]
    return value === undefined || value === "" ? [] : [[name, value] as const]
  })
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
