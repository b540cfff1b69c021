import * as z from "zod"
import { allowedHosts } from "../lib/allowed-hosts.ts"
import { wholeNumber } from "../lib/env.ts"

/** Where a part's health server listens. */
export const healthEnv = (defaultPort: number) => ({
  HEALTH_HOST: z.string().default("127.0.0.1"),
  HEALTH_PORT: wholeNumber(defaultPort, 0),
  /** Names under which the health server is reached, beside those of the loopback and addresses. */
  ALLOWED_HOSTS: allowedHosts().default([]),
})
