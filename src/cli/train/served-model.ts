import { readdir, readFile, stat, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { z } from "zod"
import { type GetJson, parseBody } from "../api/api.ts"
import { CliError } from "../cli-error.ts"
import { runCheck } from "../models/run-check.ts"
import type { BaseModel } from "./base-model.ts"

const modelsSchema = z.looseObject({
  models: z.array(z.looseObject({ id: z.string(), version: z.string(), labels: z.number() })),
})

const WAIT_MS = 15_000
const LOOK_EVERY_MS = 300

/** What the server says of a model. `option` is what names another. @throws CliError unknown_model */
export async function servedModel(get: GetJson, { id, option }: { id: string; option: string }, signal: AbortSignal) {
  const { models } = parseBody(modelsSchema, await get("/v1/models", { signal }))
  const served = models.find((model) => model.id === id)
  if (served) return served
  const message = `The server does not serve ${id}: it has ${models.map((model) => model.id).join(", ") || "no model"}`
  throw new CliError(`${message}. ${option} names another`, { code: "unknown_model" })
}

/**
 * Loads the folder here, once for as long as nobody touches it.
 * @throws CliError when it has another version of the model than the server, or one that cannot be served
 */
export async function assertVersion(base: BaseModel, { version, cache, signal }: Expected): Promise<void> {
  const { id, folder } = base
  const seen = join(cache, `${id}@${version}.folder`)
  const now = await signatureOf(folder)
  if ((await readFile(seen, "utf8").catch(() => null)) === now) return
  const local = await runCheck(folder, { id, runs: 1, signal })
  if (!local.ok) throw new CliError(`Cannot train on ${folder}: ${local.message}`, { code: local.code })
  if (local.version === version) return writeFile(seen, now)
  const message = `The server has another version of ${id} than ${folder}: ${version} there, ${local.version} here`
  throw new CliError(message, { code: "version_mismatch" })
}

type Expected = { version: string; cache: string; signal: AbortSignal }

/** Names, sizes and times of a folder's files. */
async function signatureOf(folder: string): Promise<string> {
  const names = (await readdir(folder)).sort()
  const lines = names.map(async (name) => {
    const { size, mtimeMs } = await stat(join(folder, name))
    return `${name} ${size} ${mtimeMs}\n`
  })
  return `${folder}\n${(await Promise.all(lines)).join("")}`
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
