import { type Context, Hono } from "hono"
import type { Caller } from "./caller.ts"
import type { Services } from "./services.ts"

export type EdgeEnv = { Variables: { services: Services; caller: Caller } }
export type EdgeContext = Context<EdgeEnv>

export const newRouter = () => new Hono<EdgeEnv>()
