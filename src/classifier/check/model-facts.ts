import type { LoadedModel } from "../engine/tfjs/load-model.ts"
import type { Planned } from "../engine/tfjs/plan-model.ts"
import type { EngineName } from "../models/model-info.ts"

/** One thing that was found out of a model, and what said so. */
export type ModelFact = { what: string; value: string; from: string }

/** What a folder's model turned out to be, for the person who made it. */
export function factsOf({
  info,
  files,
  manifest,
  channels,
  description: { output, labels },
}: LoadedModel): ModelFact[] {
  const { modelJson, sourceOf, tool } = files
  const { input, resize } = manifest
  const said = (key: string, otherwise: string) => (sourceOf(key) === "default" ? otherwise : sourceOf(key))
  const fact = (what: string, value: string, from: string): ModelFact => ({ what, value, from })
  const crop = `centre crop of ${resize.crop_fraction}`
  return [
    fact("made by", tool, "the files in the folder"),
    ...(modelJson.writtenBy === null ? [] : [fact("written by", modelJson.writtenBy, modelJson.file)]),
    fact("model", `${modelJson.kind} model, ${modelJson.weightBytes} bytes of weights`, modelJson.file),
    fact("input", `${info.inputWidth} × ${info.inputHeight}`, said("input.width", `${modelJson.file}: input shape`)),
    fact(
      "pixels",
      describeScale(input.mean, input.std),
      said("input.mean", "default: nothing says it; claimcheck.json can"),
    ),
    fact("channels", channels, said("input.channels", `${modelJson.file}: input shape`)),
    fact("resize", resize.fit === "crop" ? crop : "stretch", said("resize.fit", "default")),
    fact("output", output.kind, output.from),
    fact("labels", `${info.labels}: ${shorten(labels.labels)}`, labels.from),
    ...(info.languages.length > 0
      ? [fact("languages", info.languages.join(", "), "claimcheck.json, label files")]
      : []),
    fact("version", info.version, `the hash of ${files.files.size} files`),
    ...(info.licence === undefined ? [] : [fact("licence", info.licence, sourceOf("licence"))]),
  ]
}

/** How a classifier with that engine would compute it. */
export function engineFact(engine: EngineName, planned: Planned): ModelFact {
  if (planned.plan === null) {
    return { what: "engine", value: `wasm, as TF.js loads it: ${planned.reason}`, from: "a trial" }
  }
  const { plan, difference } = planned
  const agreement = `answers within ${difference.toExponential(0)} of TF.js`
  return { what: "engine", value: `${engine}: a plan of ${plan.steps.length} steps, ${agreement}`, from: "a trial" }
}

type PerChannel = number | readonly [number, number, number]

function describeScale(mean: PerChannel, std: PerChannel): string {
  const [shown, by] = [mean, std].map((value) => (typeof value === "number" ? String(value) : `[${value.join(", ")}]`))
  return `(x - ${shown}) / ${by}, for x from 0 to 255`
}

function shorten(labels: readonly string[]): string {
  return labels.length <= 4 ? labels.join(", ") : `${labels.slice(0, 3).join(", ")} … ${labels.at(-1)}`
}
