import * as z from "zod"

/** The ticket in the path. Its signature is checked by `verifyTicket`; what is no ticket is 404. */
export const ticketParamsSchema = z.object({
  id: z
    .string()
    .meta({ description: "The `id` of a ticket", examples: ["cls_01m7y4hnmqpc75tz2jhy76vab3gfj8maaxn6e5ct48"] }),
})

export const batchParamsSchema = z.object({ id: z.string().meta({ description: "The `id` of a batch" }) })

/** Request headers that reading a ticket honours. */
export const readHeadersSchema = z.object({
  prefer: z.string().optional().meta({
    description:
      "`wait=N`: wait up to N seconds, at most 30, until the ticket is done. Returns earlier if it cannot be done in time",
  }),
  "if-none-match": z.string().optional().meta({ description: "An `ETag`: returns 304 while the ticket is unchanged" }),
})
