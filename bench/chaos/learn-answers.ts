import type { EdgeClient } from "./edge-client.ts"
import type { Ledger } from "./ledger.ts"
import { stamp } from "./pictures.ts"
import type { Caller, JobSpec } from "./workload.ts"

/** What each picture is, asked for before anything breaks. */
export async function learnAnswers(
  pictures: readonly Uint8Array[],
  { client, ledger, caller }: { client: EdgeClient; ledger: Ledger; caller: Caller },
): Promise<void> {
  await Promise.all(
    pictures.map(async (_picture, base) => {
      const spec = plainJob(base, caller)
      const upload = stamp(pictures, base, spec.picture.comment)
      const { status, ticket } = await client.call({
        method: "POST",
        path: "/v1/classifications",
        caller,
        headers: { "content-type": "image/jpeg", "cache-control": "no-cache", prefer: "wait=30" },
        body: upload.bytes,
      })
      if (ticket?.predictions === undefined) throw new Error(`Picture ${base} was not answered: ${status}`)
      ledger.expected.set(base, ticket.predictions)
      ledger.see(ledger.open(spec, upload), ticket)
    }),
  )
}

/** Numbered below the jobs of the run. */
function plainJob(base: number, caller: Caller): JobSpec {
  return {
    number: -1 - base,
    caller,
    idempotencyKey: "",
    picture: { base, comment: "learn" },
    noCache: true,
    cancelAfterMs: null,
    submitsTwice: false,
    sleeps: false,
    usesETag: false,
    webhook: false,
    deadlineMs: null,
  }
}
