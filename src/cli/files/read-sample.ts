import { z } from "zod"
import type { Claimcheck } from "../../lib/client/claimcheck.ts"
import { parseBody } from "../api/api.ts"
import { CliError } from "../cli-error.ts"
import type { ImageFile } from "./read-image-file.ts"

const PREFIX = "sample:"

const samplesSchema = z.looseObject({
  samples: z.array(z.looseObject({ name: z.string(), url: z.string().startsWith("/") })),
})

/** What is behind `sample:`, or null for the name of a file. */
export function sampleNameOf(input: string): string | null {
  return input.startsWith(PREFIX) ? input.slice(PREFIX.length) : null
}

/** A sample image of the edge. @throws CliError that lists the samples */
export async function readSample(name: string, client: Claimcheck, signal: AbortSignal): Promise<ImageFile> {
  const { samples } = parseBody(samplesSchema, await client.get("/v1/samples", { signal }))
  const sample = samples.find((candidate) => candidate.name === name)
  if (sample === undefined) {
    const names = samples.map((candidate) => candidate.name).join(", ")
    throw new CliError(`There is no sample "${name}". There are: ${names}`)
  }
  const file = await client.output({ output: sample }, { signal })
  return { bytes: new Uint8Array(await file.arrayBuffer()), contentType: "image/jpeg" }
}
