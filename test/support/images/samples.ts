import { readFileSync } from "node:fs"
import samples from "../../../src/page/samples/samples.json" with { type: "json" }

/** The pictures that the page offers, with what the embedded model takes each for. */
export const SAMPLES: readonly { name: string; label: string }[] = samples

export const readSample = (name: string) =>
  new Uint8Array(readFileSync(new URL(`../../../src/page/samples/${name}.jpg`, import.meta.url)))
