import { expect, it } from "vitest"
import * as z from "zod"
import { instantOrNone, runScript, yesOrNo } from "../../../../src/lib/redis/run-script.ts"

const read = <T>(reply: unknown, schema: z.ZodType<T>) =>
  runScript({ script: () => Promise.resolve(reply) }, { text: "", sha1: "" }, { keys: [], reply: schema })

it("runScript() reads a reply by its schema", async () => {
  expect(await read([1, ""], z.tuple([yesOrNo, instantOrNone]))).toEqual([true, null])
  expect(await read([0, "1700000000000.5"], z.tuple([yesOrNo, instantOrNone]))).toEqual([false, 1_700_000_000_000.5])
})

it.each([[2], ["1"], [null]])(
  "runScript() throws internal for %j in place of 1 or 0, without the value",
  async (reply) => {
    const error = await read(reply, yesOrNo).catch((error: unknown) => error)
    expect(error).toMatchObject({ code: "internal", message: "Cannot read what a script of the queue returned" })
  },
)
