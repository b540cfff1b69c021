import * as z from "zod"
import { AppError } from "../app-error.ts"
import type { Redis } from "./redis.ts"
import type { Script } from "./script.ts"

type Call<T> = { keys: readonly string[]; args?: readonly (string | number)[]; reply: z.ZodType<T> }

/** Runs a script and checks what it returns. @throws AppError internal for a reply of another shape; what script() throws */
export async function runScript<T>(
  redis: Pick<Redis, "script">,
  script: Script,
  { keys, args = [], reply }: Call<T>,
): Promise<T> {
  const { success, data, error } = reply.safeParse(await redis.script(script, keys, args))
  if (success) return data
  throw new AppError("internal", "Cannot read what a script of the queue returned", { cause: error })
}

/** 1 or 0. */
export const yesOrNo = z.literal([0, 1]).transform((reply) => reply === 1)
/** Milliseconds as text, or "" for none. */
export const instantOrNone = z.string().transform((text) => (text === "" ? null : Number(text)))
