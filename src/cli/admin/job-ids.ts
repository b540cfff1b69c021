import { isJobId } from "../../lib/queue/job-id.ts"
import { CliError, EXIT } from "../cli-error.ts"

const TICKET_PREFIX = "cls_"
const JOB_ID_CHARS = 26

/** A job's id, from itself or from its ticket's: "cls_", the job's id, a signature. @throws CliError when it is neither */
export function parseJobId(text: string): string {
  const id = text.startsWith(TICKET_PREFIX) ? text.slice(TICKET_PREFIX.length).slice(0, JOB_ID_CHARS) : text
  if (isJobId(id)) return id
  throw new CliError(`Cannot read ${text}: expected the id of a job (26 characters) or of a ticket (cls_…)`, {
    exitCode: EXIT.usage,
  })
}
