import * as z from "zod"
import { wholeNumber } from "../env.ts"

const httpUrl = () => z.url({ protocol: /^https?$/, error: "must be an http or https address" })

const headers = () =>
  z
    .string()
    .transform(readHeaders)
    .refine((pairs) => pairs.every(isHeader), "must be name=value, comma-separated, values percent-encoded")

/**
 * The variables of OpenTelemetry's specification that we heed
 * (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/). All unset means: nothing is sent.
 */
export const traceEnv = {
  OTEL_SDK_DISABLED: z.string().default("false"),
  OTEL_TRACES_EXPORTER: z.string().optional(),
  OTEL_EXPORTER_OTLP_ENDPOINT: httpUrl().optional(),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: httpUrl().optional(),
  OTEL_EXPORTER_OTLP_HEADERS: headers().optional(),
  OTEL_EXPORTER_OTLP_TRACES_HEADERS: headers().optional(),
  OTEL_EXPORTER_OTLP_TIMEOUT: wholeNumber(10_000),
  OTEL_SERVICE_NAME: z.string().optional(),
}

export type TraceEnv = z.infer<z.ZodObject<typeof traceEnv>>

/** Where spans are sent, and how. */
export type TraceTarget = {
  url: string
  headers: [name: string, value: string][]
  timeoutMs: number
  serviceName: string
}

/** Where the OpenTelemetry collector of this machine listens, when only the exporter is asked for. */
const DEFAULT_ENDPOINT = "http://localhost:4318"

/** Null when no spans are to be sent: unless an endpoint, or the exporter `otlp`, is asked for. */
export function traceTarget(env: TraceEnv, part: string): TraceTarget | null {
  if (env.OTEL_SDK_DISABLED.toLowerCase() === "true") return null
  const { OTEL_TRACES_EXPORTER: exporter, OTEL_EXPORTER_OTLP_ENDPOINT: endpoint } = env
  if (exporter !== undefined && exporter !== "otlp") return null
  const given = env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT
  if (given === undefined && endpoint === undefined && exporter === undefined) return null
  return {
    // The one for traces is taken as it stands, the one for all signals is a base.
    url: given ?? `${(endpoint ?? DEFAULT_ENDPOINT).replace(/\/+$/, "")}/v1/traces`,
    headers: env.OTEL_EXPORTER_OTLP_TRACES_HEADERS ?? env.OTEL_EXPORTER_OTLP_HEADERS ?? [],
    timeoutMs: env.OTEL_EXPORTER_OTLP_TIMEOUT,
    serviceName: env.OTEL_SERVICE_NAME ?? `claimcheck-${part}`,
  }
}

/** W3C Baggage's list: `name=value,name=value`, values percent-encoded. */
function readHeaders(text: string): [string, string][] {
  return text
    .split(",")
    .filter((pair) => pair.trim() !== "")
    .map((pair) => {
      const [name = "", ...value] = pair.split("=")
      return [name.trim(), decode(value.join("=").trim())]
    })
}

function decode(value: string): string {
  try {
    return decodeURIComponent(value)
  } catch {
    // A percent sign that stands for itself.
    return value
  }
}

function isHeader([name, value]: [string, string]): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) && /^[\x20-\x7e]+$/.test(value)
}
