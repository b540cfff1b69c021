import * as z from "zod"
import { submitOptionsSchema } from "../uploads/submit-options.ts"
import type { ApiRoute } from "./api-route.ts"

const IMAGE = { description: "The bytes of the image; what they are is told by them, not by the content type" }

const form = submitOptionsSchema
  .partial()
  .extend({ image: z.unknown().meta({ ...IMAGE, type: "string", format: "binary" }) })

const json = submitOptionsSchema.partial().extend({
  image: z
    .string()
    .optional()
    .meta({ description: "The image as a `data:` URL", examples: ["data:image/png;base64,iVBORw0K…"] }),
  image_url: z.string().optional().meta({
    description:
      "Where a classifier fetches the image from; by https, from public addresses, unless the server allows others",
  }),
})

/** An upload, as `readUpload` reads it: its options stand in the query, or beside the image in a form. */
export const imageUpload = {
  options: submitOptionsSchema,
  body: {
    description: "The image as it is, in a form with the file field `image`, or named in JSON",
    required: true,
    content: {
      "image/*": IMAGE,
      "application/octet-stream": { ...IMAGE, type: "string", format: "binary" },
      "multipart/form-data": form,
      "application/json": json,
    },
  },
} as const satisfies ApiRoute["request"]

/** Request headers that a submit honours. */
export const submitHeadersSchema = z.object({
  "idempotency-key": z
    .string()
    .min(1, "must have 1 to 255 characters")
    .max(255, "must have 1 to 255 characters")
    .optional()
    .meta({
      description: "Submits with the same key are one ticket; another image or other options under it are refused",
    }),
  prefer: z
    .string()
    .optional()
    .meta({
      description:
        "`wait=N`: answer with the result if it comes within N seconds, at most 30; with the ticket, earlier, where the wait is in vain",
      examples: ["wait=10"],
    }),
  "cache-control": z
    .string()
    .optional()
    .meta({
      description: "`no-cache`: infer again, even if the answer to these bytes is known",
      examples: ["no-cache"],
    }),
})
