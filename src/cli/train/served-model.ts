import { z } from "zod"
import { type GetJson, parseBody } from "../api/api.ts"
import { CliError } from "../cli-error.ts"
import { runCheck } from "../models/run-check.ts"
import type { BaseModel } from "./base-model.ts"

const modelsSchema = z.looseObject({ models: z.array(z.looseObject({ id: z.string(), version: z.string() })) })

const WAIT_MS = 10_000
const LOOK_EVERY_MS = 300

/** The version that the server has of a model. @throws CliError unknown_model; for one that differs from the folder here */
export async function servedVersion(get: GetJson, base: BaseModel, signal: AbortSignal): Promise<string> {
  const [{ models }, local] = await Promise.all([
    get("/v1/models", { signal }).then((body) => parseBody(modelsSchema, body)),
    runCheck(base.folder, { id: base.id, runs: 1, signal }),
  ])
  const served = models.find(({ id }) => id === base.id)
  if (!served) {
    const message = `The server does not serve ${base.id}: it has ${models.map(({ id }) => id).join(", ") || "no model"}`
    throw new CliError(`${message}. --base names another`, { code: "unknown_model" })
  }
  if (!local.ok) throw new CliError(`Cannot train on ${base.folder}: ${local.message}`, { code: local.code })
  if (local.version === served.version) return served.version
  throw new CliError(
    `The server has another version of ${base.id} than ${base.folder}: ${served.version} there, ${local.version} here`,
    { code: "version_mismatch" },
  )
}

/** Waits some seconds for classifiers to have found a new model. False when they have not. */
export async function untilServed(
  get: GetJson,
  made: { name: string; version: string },
  signal: AbortSignal,
): Promise<boolean> {
  const deadlineMs = performance.now() + WAIT_MS
  while (performance.now() < deadlineMs) {
    const { models } = parseBody(modelsSchema, await get("/v1/models", { signal }))
    if (models.some(({ id, version }) => id === made.name && version === made.version)) return true
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
  }
  return false
}
