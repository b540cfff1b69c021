import type { Context } from "hono"
import type * as z from "zod"
import { AppError } from "../../lib/app-error.ts"
import { mergeOptions } from "../http/merge-options.ts"
import { reasonsOf } from "../reasons-of.ts"
import type { ApiRoute } from "./api-route.ts"

/** What `c.req.valid()` gives in the handler of a route. */
export type ValidatedInput<R extends ApiRoute> = {
  out: { query: Validated<R, "query">; header: Validated<R, "headers"> }
}
type Validated<R extends ApiRoute, Part extends "query" | "headers"> = NonNullable<
  R["request"]
>[Part] extends z.ZodObject
  ? z.output<NonNullable<R["request"]>[Part]>
  : Record<never, never>

/** @throws AppError invalid_options for a query parameter, bad_request for a header, that names it */
export function validateRequest({ request = {}, access }: ApiRoute, c: Context): void {
  const { searchParams } = new URL(c.req.url)
  // Options are refused by whoever reads them. What is public is opened in browsers and by probes, which add parameters of their own.
  const query = access === "caller" ? mergeOptions(searchParams) : Object.fromEntries(searchParams)
  if (request.options === undefined && access === "caller") refuseUnknown(query, request.query)
  if (request.query !== undefined) {
    const parsed = request.query.safeParse(query)
    if (!parsed.success) {
      throw new AppError("invalid_options", `Cannot accept options: ${reasonsOf(parsed.error)}`)
    }
    c.req.addValidatedData("query", parsed.data)
  }
  if (request.headers !== undefined) {
    const parsed = request.headers.safeParse(c.req.header())
    if (!parsed.success) {
      throw new AppError("bad_request", `Cannot accept headers: ${reasonsOf(parsed.error)}`)
    }
    c.req.addValidatedData("header", parsed.data)
  }
}

/** A typing error must not be taken for consent. */
function refuseUnknown(query: Readonly<Record<string, string>>, schema: z.ZodObject | undefined): void {
  const known = Object.keys(schema?.shape ?? {})
  const unknown = Object.keys(query).find((name) => !known.includes(name))
  if (unknown === undefined) return
  const takes = known.length === 0 ? "no parameters" : known.join(", ")
  const name = JSON.stringify(unknown.slice(0, 40))
  throw new AppError(
    "invalid_options",
    `Cannot accept options: ${name} is no parameter here; this request takes ${takes}`,
  )
}
