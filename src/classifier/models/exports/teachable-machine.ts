import * as z from "zod"
import type { FolderReader } from "../folder-reader.ts"
import { ModelError } from "../model-error.ts"
import { readJsonFile } from "./read-json-file.ts"
import type { ExportRules } from "./setting.ts"

const FILE = "metadata.json"

const metadataSchema = z.looseObject({
  labels: z.array(z.string()).min(1),
  imageSize: z.int().min(1).max(2048).optional(),
  modelName: z.string().optional(),
  packageName: z.string().optional(),
  grayscale: z.boolean().optional(),
})

/**
 * What a Teachable Machine export says of itself, or null for another folder. Its own library (libraries/image/src/utils/tf.ts
 * of googlecreativelab/teachablemachine-community) takes the centre square and feeds x / 127 - 1, of a grey model's pictures 0.2989 R + 0.587 G + 0.114 B.
 */
export async function readTeachableMachine(folder: FolderReader): Promise<ExportRules | null> {
  if (!folder.has(FILE)) return null
  const json = await readJsonFile(folder, FILE)
  const isItsOwn = typeof json.packageName === "string" && json.packageName.startsWith("@teachablemachine/")
  // Other tools write a metadata.json too; only one with labels says something that we can use.
  if (!isItsOwn && !Array.isArray(json.labels)) return null
  const parsed = metadataSchema.safeParse(json)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw new ModelError("bad_metadata", `Cannot read ${FILE}: ${issue?.path.join(".")}: ${issue?.message}`)
  }
  const { labels, imageSize, modelName, packageName, grayscale } = parsed.data
  if (isItsOwn && packageName !== "@teachablemachine/image") {
    throw new ModelError("bad_metadata", `${FILE}: packageName is ${packageName}: only image models can be served`)
  }
  await folder.use(FILE)
  const from = `Teachable Machine (${FILE})`
  const sized = imageSize === undefined ? [] : ["input.width", "input.height"]
  return {
    tool: "Teachable Machine",
    settings: [
      { key: "labels", value: labels, from: `${FILE}: labels` },
      ...sized.map((key) => ({ key, value: imageSize, from: `${FILE}: imageSize` })),
      ...(modelName ? [{ key: "name", value: modelName, from: `${FILE}: modelName` }] : []),
      ...(grayscale ? [{ key: "input.channels", value: "gray", from: `${FILE}: grayscale` }] : []),
      { key: "input.mean", value: 127, from },
      { key: "input.std", value: 127, from },
      { key: "resize.fit", value: "crop", from },
      { key: "resize.crop_fraction", value: 1, from },
    ],
  }
}
