import { z } from "zod"

/** What the CLI needs of a ticket; fields it does not know stay, so that `--json` shows all that the server said. */
export const ticketSchema = z.looseObject({
  id: z.string(),
  status: z.string(),
  done: z.boolean(),
  model: z.looseObject({ id: z.string(), version: z.string().optional() }).nullish(),
  queue: z.looseObject({ position: z.number().nullish() }).nullish(),
  cached: z.boolean().nullish(),
  poll_after_ms: z.number().nullish(),
  predictions: z.array(z.looseObject({ label: z.string(), probability: z.number() })).nullish(),
  image: z.looseObject({ format: z.string(), width: z.number(), height: z.number() }).nullish(),
  timings_ms: z.looseObject({ total: z.number().nullish() }).nullish(),
  error: z.looseObject({ code: z.string(), message: z.string() }).nullish(),
})
export type Ticket = z.infer<typeof ticketSchema>

export const problemSchema = z.looseObject({
  code: z.string().optional(),
  title: z.string().optional(),
  detail: z.string().optional(),
})
