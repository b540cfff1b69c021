import * as z from "zod"

/** Where a job's image comes from: its payload in Redis, or a place from which a classifier gets it. */
export type JobSource = { kind: "payload" } | RemoteSource
export type RemoteSource = { kind: "url"; url: string }

const known = z.discriminatedUnion("kind", [
  z.looseObject({ kind: z.literal("payload") }),
  z.looseObject({ kind: z.literal("url"), url: z.string() }),
])
const KINDS: ReadonlySet<string> = new Set(known.options.map(({ shape }) => shape.kind.value))

/**
 * `source` as a job's record has it. It is absent for a payload, because older releases read a URL in every source; theirs has no
 * kind. A kind that is not known here goes through: its ticket can be shown, and a classifier sets its job aside.
 */
export const jobSourceSchema = z
  .looseObject({ kind: z.string().default("url") })
  .default({ kind: "payload" })
  .transform((written, context): JobSource => {
    if (!KINDS.has(written.kind)) return written as unknown as JobSource
    const source = known.safeParse(written)
    if (source.success) return source.data
    context.issues.push(...source.error.issues.map((issue) => ({ ...issue, input: written }) as z.core.$ZodRawIssue))
    return z.NEVER
  })

/** Leaves out of a job's input what a record does not hold. */
export function withoutPayloadSource<T extends { source?: JobSource }>({ source, ...input }: T) {
  return source === undefined || source.kind === "payload" ? input : { ...input, source }
}

export const isKnownSource = ({ kind }: JobSource): boolean => KINDS.has(kind)

/** What tickets, results and fingerprints say of a place: one text, which names one image. None for a payload. */
export function locationOf(source: JobSource): string | undefined {
  return source.kind === "payload" ? undefined : source.url
}
