import { AppError } from "../../lib/app-error.ts"
import type { EdgeContext } from "../router.ts"

/**
 * The id of the job or batch of the ticket in the path.
 * @throws AppError not_found for one that we did not sign, without asking Redis
 */
export async function verifyTicket(c: EdgeContext, ids = c.var.services.ticketIds): Promise<string> {
  const id = await ids.verify(c.req.param("id") ?? "")
  if (id === null) throw new AppError("not_found", "There is no such ticket, or it has expired")
  return id
}
