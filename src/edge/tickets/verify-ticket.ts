import { AppError } from "../../lib/app-error.ts"
import type { EdgeContext } from "../router.ts"

/** The job that the ticket in the path stands for. @throws AppError not_found for one that we did not sign, without asking Redis */
export async function verifyTicket(c: EdgeContext): Promise<string> {
  const jobId = await c.var.services.ticketIds.verify(c.req.param("id") ?? "")
  if (jobId === null) throw new AppError("not_found", "There is no such ticket, or it has expired")
  return jobId
}
