import type { ModelInfo } from "./model-info.ts"

/** A model that was loaded and checked once, and the folders from which a lane may load that very version, in order. */
export type ServedFolder = { info: ModelInfo; places: readonly string[] }
