import type { ModelFolder } from "./find-models.ts"
import type { ModelErrorCode } from "./model-error.ts"
import type { ModelInfo } from "./model-info.ts"

/**
 * A model that was loaded and checked once. `folder` is its owner's, and may change at any time; `copy` is ours, which nothing
 * changes until we remove it, and null where there was no room for one.
 */
export type ServedFolder = { info: ModelInfo; folder: string; copy: string | null }

/** A model folder that is left out, and why. */
export type BrokenModel = ModelFolder & { code: ModelErrorCode; message: string }

export type Inspected = { served: ServedFolder[]; broken: BrokenModel[] }
