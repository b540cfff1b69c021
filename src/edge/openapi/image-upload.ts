import * as z from "zod"
import { submitOptionsSchema } from "../uploads/submit-options.ts"
import type { ApiRoute } from "./api-route.ts"

const IMAGE = {
  description: "The bytes of the image. The format is detected from the bytes, not from the content type",
}

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
      "URL from which a classifier fetches the image: https on a public address, unless the server allows others",
  }),
})

/** An upload, as `readUpload` reads it: its options stand in the query, or beside the image in a form. */
export const imageUpload = {
  options: submitOptionsSchema,
  body: {
    description: "The raw image, a form with the file field `image`, or JSON",
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
      description:
        "Submits with the same key return the same ticket. Another image or other options with that key are refused",
    }),
  prefer: z
    .string()
    .optional()
    .meta({
      description:
        "`wait=N`: wait up to N seconds, at most 30, for the result. Returns earlier if the result cannot be ready in time",
      examples: ["wait=10"],
    }),
  "cache-control": z
    .string()
    .optional()
    .meta({
      description: "`no-cache`: run inference even if the result is cached",
      examples: ["no-cache"],
    }),
})
