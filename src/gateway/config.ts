import { allowedHosts } from "../lib/allowed-hosts.ts"
import { AppError } from "../lib/app-error.ts"
import { flag } from "../lib/env.ts"

export type GatewayConfig = {
  redisUrl: string
  token: string
  host: string
  port: number
  hosts: string[]
  allowEviction: boolean
}

/** Reads the environment. Throws AppError invalid_options, which names the variable and never its value. */
export function readGatewayConfig(env: Record<string, string | undefined>): GatewayConfig {
  return {
    redisUrl: redisUrl(env.REDIS_URL || "redis://127.0.0.1:6379"),
    token: required(env.UPSTASH_REDIS_REST_TOKEN),
    host: env.GATEWAY_HOST || "127.0.0.1",
    port: port(env.GATEWAY_PORT || "8079"),
    hosts: hosts(env.ALLOWED_HOSTS || ""),
    allowEviction: allowEviction(env.ALLOW_EVICTION || undefined),
  }
}

function redisUrl(value: string): string {
  if (URL.canParse(value) && /^rediss?:$/.test(new URL(value).protocol)) return value
  throw new AppError("invalid_options", "Cannot read REDIS_URL: it is not a redis:// or rediss:// URL")
}

function required(token: string | undefined): string {
  if (token !== undefined && /^\S+$/.test(token)) return token
  throw new AppError(
    "invalid_options",
    "Cannot start without UPSTASH_REDIS_REST_TOKEN: set it to a text without spaces",
  )
}

function hosts(value: string): string[] {
  const parsed = allowedHosts().safeParse(value)
  if (parsed.success) return parsed.data
  throw new AppError("invalid_options", "Cannot read ALLOWED_HOSTS: it is not a list of host names without ports")
}

function allowEviction(value: string | undefined): boolean {
  const parsed = flag(false).safeParse(value)
  if (parsed.success) return parsed.data
  throw new AppError("invalid_options", "Cannot read ALLOW_EVICTION: it is not true or false")
}

function port(value: string): number {
  if (/^\d{1,5}$/.test(value) && Number(value) <= 65_535) return Number(value)
  throw new AppError("invalid_options", "Cannot read GATEWAY_PORT: it is not a port number from 0 to 65535")
}
