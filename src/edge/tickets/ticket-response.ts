import { type Ticket, ticketETag, withLinks } from "../../lib/tickets/ticket.ts"
import { matchesETag } from "../http/matches-etag.ts"
import { linkTo } from "../http/names.ts"
import type { EdgeContext } from "../router.ts"

/** A ticket with the headers that every answer about it carries, a 304 too. */
export function ticketResponse(c: EdgeContext, ticket: Ticket, status: 200 | 202): Response {
  const etag = ticketETag(ticket)
  c.header("ETag", etag)
  c.header("Cache-Control", "private, no-cache")
  if (ticket.poll_after_ms !== undefined) {
    c.header("Poll-After-Ms", String(ticket.poll_after_ms))
    c.header("Retry-After", String(Math.ceil(ticket.poll_after_ms / 1_000)))
  }
  if (status === 202) c.header("Location", linkTo(c, `/v1/classifications/${ticket.id}`))
  if (c.req.method === "GET" && matchesETag(c.req.header("if-none-match"), etag)) return c.body(null, 304)
  return c.json(withLinks(ticket, linkTo(c, "")), status)
}
