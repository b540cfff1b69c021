import * as z from "zod"
import type { FolderReader } from "../folder-reader.ts"
import { ModelError } from "../model-error.ts"
import { readJsonFile } from "./read-json-file.ts"
import type { ExportRules, Setting } from "./setting.ts"

const FILE = "cvexport.manifest"

const exportSchema = z.looseObject({
  DomainType: z.string().optional(),
  ModelFileName: z.string().optional(),
  LabelFileName: z.string().default("labels.txt"),
  MetadataPropsFileName: z.string().default("metadata_properties.json"),
})

/**
 * What a Custom Vision export says of itself, or null for another folder. Without its newer metadata, what Microsoft's own
 * library does (src/index.js of microsoft/customvision-tfjs): the centre square, blue-green-red, 0 to 255 as they are.
 */
export async function readCustomVision(folder: FolderReader): Promise<ExportRules | null> {
  if (!folder.has(FILE)) return null
  const parsed = exportSchema.safeParse(await readJsonFile(folder, FILE))
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw new ModelError("bad_metadata", `Cannot read ${FILE}: ${issue?.path.join(".")}: ${issue?.message}`)
  }
  const { DomainType, ModelFileName, LabelFileName, MetadataPropsFileName } = parsed.data
  if (DomainType !== undefined && DomainType !== "Classification") {
    throw new ModelError("bad_metadata", `${FILE}: DomainType is ${DomainType}: only Classification can be served`)
  }
  await folder.use(FILE)
  const from = `Custom Vision (${FILE})`
  const properties = folder.has(MetadataPropsFileName) ? await readProperties(folder, MetadataPropsFileName) : []
  return {
    tool: "Custom Vision",
    settings: [
      ...(ModelFileName?.endsWith(".json") ? [{ key: "model", value: ModelFileName, from }] : []),
      { key: "labels", value: LabelFileName, from: `${FILE}: LabelFileName` },
      // The first that says something is taken.
      ...properties,
      { key: "input.mean", value: 0, from },
      { key: "input.std", value: 1, from },
      { key: "input.channels", value: "bgr", from },
      { key: "resize.fit", value: "crop", from },
      { key: "resize.crop_fraction", value: 1, from },
    ],
  }
}

const RANGES: Record<string, { mean: number; std: number } | undefined> = {
  NominalRange_0_255: { mean: 0, std: 1 },
  Normalized_0_1: { mean: 0, std: 255 },
  Normalized_1_1: { mean: 127.5, std: 127.5 },
}

/** The keys are those of Windows ML's image metadata, with Custom Vision's own beside them. */
async function readProperties(folder: FolderReader, file: string): Promise<Setting[]> {
  const json = await readJsonFile(folder, file)
  await folder.use(file)
  const settings: Setting[] = []
  const add = (property: string, keys: readonly string[], value: unknown) => {
    settings.push(...keys.map((key) => ({ key, value, from: `${file}: ${property}` })))
  }
  const format = json["Image.BitmapPixelFormat"]
  if (format === "Rgb8" || format === "Bgr8") {
    add("Image.BitmapPixelFormat", ["input.channels"], format === "Rgb8" ? "rgb" : "bgr")
  }
  const range = RANGES[String(json["Image.NominalPixelRange"])]
  if (range) {
    add("Image.NominalPixelRange", ["input.mean"], range.mean)
    add("Image.NominalPixelRange", ["input.std"], range.std)
  }
  if (json["CustomVision.Preprocess.ResizeMethod"] === "Stretch") {
    add("CustomVision.Preprocess.ResizeMethod", ["resize.fit"], "stretch")
  }
  for (const [property, key] of [
    ["CustomVision.Preprocess.TargetWidth", "input.width"],
    ["CustomVision.Preprocess.TargetHeight", "input.height"],
  ] as const) {
    const side = Number(json[property])
    if (Number.isInteger(side) && side > 0) add(property, [key], side)
  }
  return settings
}
