import { z } from "zod"
import { checkUrl, createApi, parseBody } from "./api.ts"
import { CliError } from "./cli-error.ts"
import type { ImageFile } from "./read-image-file.ts"
import { unreachable } from "./unreachable.ts"

const PREFIX = "sample:"

const samplesSchema = z.looseObject({
  samples: z.array(z.looseObject({ name: z.string(), url: z.string().startsWith("/") })),
})

type Options = { url: string; signal: AbortSignal; fetchNow?: typeof fetch }

/** What is behind `sample:`, or null for the name of a file. */
export function sampleNameOf(input: string): string | null {
  return input.startsWith(PREFIX) ? input.slice(PREFIX.length) : null
}

/** A picture that the edge has for who has none at hand. @throws CliError that names those there are */
export async function readSample(name: string, { url, signal, fetchNow = fetch }: Options): Promise<ImageFile> {
  const { samples } = parseBody(samplesSchema, await createApi({ url }, fetchNow)("/v1/samples", { signal }))
  const sample = samples.find((candidate) => candidate.name === name)
  if (sample === undefined) {
    const names = samples.map((candidate) => candidate.name).join(", ")
    throw new CliError(`There is no sample "${name}". There are: ${names}`)
  }
  try {
    const response = await fetchNow(checkUrl(url) + sample.url, { signal })
    if (!response.ok) throw new CliError(`Cannot read sample ${name}: the server answered ${response.status}`)
    return { bytes: new Uint8Array(await response.arrayBuffer()), contentType: "image/jpeg" }
  } catch (error) {
    if (error instanceof CliError || signal.aborted) throw error
    throw unreachable(url, error)
  }
}
