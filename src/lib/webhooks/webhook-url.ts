import * as z from "zod"

const MAX_CHARS = 2_000

const schema = ({ mayBeEmpty }: { mayBeEmpty: boolean }) =>
  z
    .string()
    .max(MAX_CHARS, `must have at most ${MAX_CHARS} characters`)
    .transform((text, context) => {
      if (mayBeEmpty && text === "") return ""
      const url = URL.canParse(text) ? new URL(text) : null
      const problem = problemOf(url)
      if (url !== null && problem === null) {
        url.hash = ""
        return url.href
      }
      context.addIssue({ code: "custom", message: problem ?? "must be an absolute URL" })
      return z.NEVER
    })

/**
 * Where a webhook may be asked to go, as far as its spelling tells; which addresses may be reached is judged where the
 * connection is opened (src/classifier/fetch/guarded). Comes out as the URL parser spells it, without a fragment.
 */
export const webhookUrlSchema = schema({ mayBeEmpty: false })

/** The same, or nothing, which says that there is to be no webhook. */
export const webhookUrlOrNoneSchema = schema({ mayBeEmpty: true })

function problemOf(url: URL | null): string | null {
  if (url === null) return "must be an absolute URL"
  if (url.protocol !== "https:" && url.protocol !== "http:") return "must be an https or http URL"
  if (url.username !== "" || url.password !== "") return "must hold no user name or password"
  // Encoded it may be longer than it was.
  return url.href.length > MAX_CHARS ? `must have at most ${MAX_CHARS} characters` : null
}
