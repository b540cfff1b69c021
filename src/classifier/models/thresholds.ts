import { MANIFEST_FILE, type Manifest } from "./manifest.ts"
import { ModelError } from "./model-error.ts"

const DEFAULT = 0.5

/** From which score on each label is an answer, in class order; null where classes exclude each other. @throws ModelError */
export function thresholdsOf({ output, thresholds }: Manifest, labels: readonly string[]): number[] | null {
  const refuse = (reason: string) =>
    new ModelError("bad_manifest", `Cannot read ${MANIFEST_FILE}: thresholds: ${reason}`)
  if (output !== "multilabel") {
    if (thresholds !== undefined) throw refuse('only a model with "output": "multilabel" has them')
    return null
  }
  if (thresholds === undefined || typeof thresholds === "number") return labels.map(() => thresholds ?? DEFAULT)
  if (Array.isArray(thresholds)) {
    if (thresholds.length === labels.length) return thresholds
    throw refuse(`it has ${thresholds.length} numbers, the model has ${labels.length} labels`)
  }
  const unknown = Object.keys(thresholds).find((label) => !labels.includes(label))
  if (unknown !== undefined) throw refuse(`the model has no label ${JSON.stringify(unknown)}`)
  return labels.map((label) => thresholds[label] ?? DEFAULT)
}
