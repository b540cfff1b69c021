import { existsSync } from "node:fs"
import { readdir, readFile, stat } from "node:fs/promises"
import { basename, join, resolve } from "node:path"
import { z } from "zod"
import { assertReplaceable } from "../../lib/training/replace-head.ts"
import type { SavedModel } from "../../lib/training/saved-model.ts"
import { weightsManifestSchema } from "../../lib/weights-manifest.ts"
import { CliError, EXIT } from "../cli-error.ts"
import { modelsFolder, packageRoot } from "../package-root.ts"
import { parseJson } from "../parse-json.ts"

/** The model whose network a new one is made of. */
export type BaseModel = { id: string; folder: string }

export const EMBEDDED_MODEL = "efficientnet_lite0"
const MANIFEST_FILE = "claimcheck.json"
/** What other tools say of their models; labels that they name are overruled by the manifest's. */
const SIDECARS = ["metadata.json", "cvexport.manifest", "dict.txt", "LICENSE"]

/** A model that is named by its id, among the folders that a local stack serves, or by its folder. @throws CliError */
export async function findBase(named: string, env: NodeJS.ProcessEnv = process.env): Promise<BaseModel> {
  const roots = [modelsFolder(), join(packageRoot(), "models"), ...(env.CLAIMCHECK_MODELS ?? "").split(":")]
  const candidates = [...roots.filter(Boolean).map((root) => join(root, named)), named]
  for (const folder of candidates) {
    if (!(await stat(folder).catch(() => null))?.isDirectory()) continue
    return { id: basename(resolve(folder)), folder: resolve(folder) }
  }
  const message = `Cannot find the model ${named}: there is no folder of that name in ${roots.filter(Boolean).join(" or ")}`
  throw new CliError(`${message}; --base names a model or its folder`, { exitCode: EXIT.usage })
}

const modelJsonSchema = z.looseObject({ modelTopology: z.looseObject({}), weightsManifest: weightsManifestSchema })

export type BaseFiles = {
  saved: SavedModel
  manifest: Record<string, unknown>
  /** Files that are taken along as they are. */
  sidecars: Map<string, Uint8Array>
}

/** @throws CliError for a network that cannot be read, or does not end in a dense layer */
export async function readBase(base: BaseModel): Promise<BaseFiles> {
  const { folder } = base
  const manifestFile = join(folder, MANIFEST_FILE)
  const manifest = existsSync(manifestFile)
    ? ((parseJson(await readFile(manifestFile, "utf8")) ?? {}) as Record<string, unknown>)
    : {}
  const { json, file } = await readModelJson(folder, manifest.model)
  sayWhyNot(base, () => assertReplaceable(json))
  const paths = json.weightsManifest.flatMap((group) => group.paths)
  const shards = await Promise.all(paths.map((path) => readFile(join(folder, path))))
  const sidecars = new Map<string, Uint8Array>()
  for (const name of SIDECARS)
    if (existsSync(join(folder, name))) sidecars.set(name, await readFile(join(folder, name)))
  return {
    saved: { json, weights: new Uint8Array(Buffer.concat(shards)) },
    manifest: { ...manifest, model: file },
    sidecars,
  }
}

async function readModelJson(folder: string, asked: unknown) {
  const names = (await readdir(folder)).filter((name) => name.toLowerCase().endsWith(".json") && name !== MANIFEST_FILE)
  const wanted =
    typeof asked === "string" ? [asked] : [...names].sort((a) => (a.toLowerCase() === "model.json" ? -1 : 1))
  for (const file of wanted) {
    const parsed = modelJsonSchema.safeParse(parseJson(await readFile(join(folder, file), "utf8")))
    if (parsed.success) return { file, json: parsed.data }
  }
  throw new CliError(`Cannot train on ${folder}: it has no TensorFlow.js model (model.json)`, { exitCode: EXIT.usage })
}

/** @throws CliError no_features for what replaceHead() refuses */
export function sayWhyNot<T>({ id }: BaseModel, replace: () => T): T {
  try {
    return replace()
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause
    throw new CliError(`Cannot train on ${id}: ${cause.message}`, { code: "no_features", cause })
  }
}
