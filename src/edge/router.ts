import { type Context, Hono } from "hono"
import type { TraceContext } from "../lib/trace/trace-context.ts"
import type { Caller } from "./auth/caller.ts"
import type { ApiRoute } from "./openapi/api-route.ts"
import { type ValidatedInput, validateRequest } from "./openapi/validate-request.ts"
import type { Services } from "./services.ts"

/** The request's own step in its trace. */
export type RequestTrace = TraceContext & {
  /** What a reader of the trace should find it by; handlers add to it. */
  attributes: Record<string, string | number>
}

export type EdgeEnv = { Variables: { services: Services; basePath: string; caller: Caller; trace: RequestTrace } }
export type EdgeContext = Context<EdgeEnv>

type RouteHandler<R extends ApiRoute> = (c: Context<EdgeEnv, string, ValidatedInput<R>>) => Response | Promise<Response>

/**
 * A router whose routes describe themselves: what `/openapi.json` says is what validates. To add a route:
 *
 * 1. `createRoute({ … })` in a file of `routes/`: its whole path, its schemas (those of src/lib that the code uses), every
 *    status that it answers with and every error code that can occur (groups of them: openapi/error-codes.ts).
 * 2. `newRouter().openapi(route, handler)`: query and headers are validated when the handler runs, a body is its own to read.
 * 3. Add the router to ROUTERS in app.ts. The tests hold every answer that they see against the document.
 */
export class EdgeRouter extends Hono<EdgeEnv> {
  readonly described: ApiRoute[] = []

  openapi<R extends ApiRoute>(route: R, handler: RouteHandler<R>): this {
    this.described.push(route)
    this.on(route.method, honoPath(route.path), (c) => {
      validateRequest(route, c)
      return handler(c as Context<EdgeEnv, string, ValidatedInput<R>>)
    })
    return this
  }
}

/** "{id}" as Hono writes it: ":id". */
export const honoPath = (path: string) => path.replaceAll(/\{(\w+)\}/g, ":$1")

export const newRouter = (options?: ConstructorParameters<typeof Hono<EdgeEnv>>[0]) => new EdgeRouter(options)
