import type * as z from "zod"
import type { ErrorCode } from "../../lib/app-error.ts"
import type { JsonSchema, ResponseHeader } from "../http/response-headers.ts"

export type ApiSchema = z.ZodType | JsonSchema

export type ApiResponse = {
  description: string
  /** By media type. None: an answer without a body. */
  content?: Readonly<Record<string, ApiSchema>>
  headers?: readonly ResponseHeader[]
}

/** A route as it is described and validated, both from the same schemas. */
export type ApiRoute = {
  method: "get" | "post" | "put" | "delete"
  /** The whole path; "{name}" matches one segment. */
  path: `/${string}`
  operationId: string
  tag: "Classifications" | "Batches" | "Service" | "Tutorial" | "About"
  summary: string
  description?: string
  /** `caller`: needs an API key, or is open to anonymous callers where the edge allows them. */
  access: "caller" | "public"
  request?: {
    params?: z.ZodObject
    /** Validated before the handler runs; `c.req.valid("query")` and `c.req.valid("header")` return the result. */
    query?: z.ZodObject
    headers?: z.ZodObject
    /** Query parameters that the handler validates itself, because they may also stand in the body. */
    options?: z.ZodObject
    /** Described here, read by the handler: nothing else may hold a body in memory before it was counted. */
    body?: { description: string; required: boolean; content: Readonly<Record<string, ApiSchema>> }
  }
  responses: Readonly<Record<number, ApiResponse>>
  /** What it may refuse with, besides what every route may (./error-codes.ts). */
  errors: readonly ErrorCode[]
  /** Problem details of this route, when they say more than usual. */
  problem?: z.ZodObject
}

/** A route for `router.openapi()`. */
export const createRoute = <const R extends ApiRoute>(route: R): R => route
