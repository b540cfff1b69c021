import { ModelError } from "../../models/model-error.ts"
import type { EngineName } from "../../models/model-info.ts"
import type { Network } from "../network.ts"
import { openNetwork } from "../open-network.ts"
import { foldPlan } from "../plan/fold-plan.ts"
import { lowerKernels } from "../plan/lower-kernels.ts"
import { type Plan, PlanError } from "../plan/plan.ts"
import { newInput } from "../serving-model.ts"
import { fillNoise, testInputs } from "../test-inputs.ts"
import { toProbabilities } from "../to-probabilities.ts"
import type { LoadedModel } from "./load-model.ts"
import { recordKernels } from "./record-kernels.ts"
import { firstLine } from "./tfjs-network.ts"

/** Of any probability, between a plan and TF.js. */
const MAX_DIFFERENCE = 1e-3

export type Planned =
  | { plan: Plan; network: Network; difference: number }
  /** Why the model is served as TF.js loads it; `isWrong` when there was a plan, whose answers differ. */
  | { plan: null; reason: string; isWrong: boolean }

type Loaded = Pick<LoadedModel, "description" | "network">

/**
 * Makes a plan of a model that TF.js has loaded, and lets it serve on an engine only where both answer alike. `onAnswered` is called
 * once TF.js has answered: what it holds can go before the plan's network comes.
 */
export async function planModel(model: Loaded, engine: EngineName, onAnswered?: () => void): Promise<Planned> {
  try {
    const { tensorShape } = model.description.size
    const input = fillNoise(newInput(model.description.size))
    const plan = foldPlan(lowerKernels(recordKernels(model.network.predict, { input, tensorShape })))
    const expected = await answersOf(model.network, model.description)
    onAnswered?.()
    const network = await openNetwork(plan, engine)
    try {
      return { plan, network, difference: compare(expected, await answersOf(network, model.description)) }
    } catch (error) {
      network.dispose()
      throw error
    }
  } catch (error) {
    if (error instanceof ModelError) throw error
    const isWrong = error instanceof PlanError && error.isWrong
    return { plan: null, reason: firstLine(error), isWrong }
  }
}

async function answersOf(network: Network, description: Loaded["description"]): Promise<Float32Array[]> {
  const answers: Float32Array[] = []
  for (const input of testInputs(description)) {
    answers.push(Float32Array.from(toProbabilities(await network.run(input), description.output)))
  }
  return answers
}

/** The largest difference of any probability. @throws PlanError when it is too large */
function compare(expected: readonly Float32Array[], found: readonly Float32Array[]): number {
  let largest = 0
  for (const [i, probabilities] of expected.entries()) {
    for (const [at, value] of probabilities.entries()) {
      const difference = Math.abs(value - (found[i]?.[at] ?? Number.NaN))
      // A difference that is no number is as large as can be.
      largest = difference <= largest ? largest : difference
    }
  }
  if (largest <= MAX_DIFFERENCE) return largest
  const message = `The plan's answers differ from those of TF.js by ${largest.toPrecision(2)}`
  throw new PlanError(message, { isWrong: true })
}
