import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { ModelError } from "../../models/model-error.ts"
import type { ModelDescription } from "../serving-model.ts"
import { type Plan, PlanError } from "./plan.ts"

/** Beside the copy of a model's files. Its name keeps it out of what is read as the model. */
export const PLAN_FILE = ".plan"

/** A model with its plan: all that a lane needs to answer for it. */
export type PlannedModel = { description: ModelDescription; plan: Plan }

/** The length of a JSON header (four bytes, little-endian), the header, and the constants' values one after the other. */
export function encodePlan({ description, plan }: PlannedModel): Uint8Array {
  const { shapes, constants, ...rest } = plan
  const labels = { ...description.labels, byLanguage: [...description.labels.byLanguage] }
  const header = Buffer.from(
    JSON.stringify({
      description: { ...description, labels },
      plan: rest,
      shapes: [...shapes],
      constants: [...constants].map(([value, { length }]) => [value, length]),
    }),
  )
  const length = Buffer.alloc(4)
  length.writeUInt32LE(header.length)
  const values = [...constants.values()].map((data) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  return Buffer.concat([length, header, ...values])
}

/** @throws ModelError */
export async function readPlan(folder: string): Promise<PlannedModel> {
  try {
    return decodePlan(await readFile(join(folder, PLAN_FILE)))
  } catch (cause) {
    throw new ModelError("missing_file", `Cannot read the plan in ${folder}`, { cause })
  }
}

export function decodePlan(file: Uint8Array): PlannedModel {
  // A Buffer's own slice() would share its memory, at an offset that no Float32Array can begin at.
  const bytes = new Uint8Array(file.buffer, file.byteOffset, file.byteLength)
  let offset = 4 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true)
  // Our own process wrote it, in encodePlan().
  const { description, plan, shapes, constants } = JSON.parse(Buffer.from(bytes.subarray(4, offset)).toString())
  const values = (constants as [number, number][]).map(([value, length]): [number, Float32Array] => {
    const data = bytes.slice(offset, offset + length * 4)
    if (data.byteLength !== length * 4) throw new PlanError("The plan's file is cut off")
    offset += length * 4
    return [value, new Float32Array(data.buffer)]
  })
  const labels = { ...description.labels, byLanguage: new Map(description.labels.byLanguage) }
  return {
    description: { ...description, labels },
    plan: { ...plan, shapes: new Map(shapes), constants: new Map(values) },
  }
}
