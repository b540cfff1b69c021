import { type BatchTicket, batchETag } from "../../lib/batches/batch-ticket.ts"
import { type Ticket, ticketETag, withLinks } from "../../lib/tickets/ticket.ts"
import { matchesETag } from "../http/matches-etag.ts"
import { linkTo } from "../http/names.ts"
import type { EdgeContext } from "../router.ts"

/** The ticket of a classification. */
export function ticketResponse(c: EdgeContext, ticket: Ticket, status: 200 | 202): Response {
  const shown = withLinks(ticket, linkTo(c, ""))
  return respond(c, shown, { status, etag: ticketETag(ticket), path: `/v1/classifications/${ticket.id}` })
}

export function batchResponse(c: EdgeContext, ticket: BatchTicket, status: 200 | 202): Response {
  return respond(c, ticket, { status, etag: batchETag(ticket), path: `/v1/batches/${ticket.id}` })
}

/** With the headers that every answer about a ticket carries, a 304 too. */
function respond(
  c: EdgeContext,
  ticket: Ticket | BatchTicket,
  { status, etag, path }: { status: 200 | 202; etag: string; path: string },
): Response {
  c.header("ETag", etag)
  c.header("Cache-Control", "private, no-cache")
  if (ticket.poll_after_ms !== undefined) {
    c.header("Poll-After-Ms", String(ticket.poll_after_ms))
    c.header("Retry-After", String(Math.ceil(ticket.poll_after_ms / 1_000)))
  }
  if (status === 202) c.header("Location", linkTo(c, path))
  if (c.req.method === "GET" && matchesETag(c.req.header("if-none-match"), etag)) return c.body(null, 304)
  return c.json(ticket, status)
}
