export type ModelErrorCode =
  | "no_model"
  | "bad_name"
  | "several_models"
  | "bad_manifest"
  | "bad_metadata"
  | "bad_model_json"
  | "missing_file"
  | "shard_size"
  | "labels_count"
  | "nan_weights"
  | "input_shape"
  | "output_shape"
  | "load_failed"
  | "load_timeout"
  | "load_crashed"
  | "warm_up_failed"

/** Why a model folder cannot be served. The message names the file, and the key where there is one. */
export class ModelError extends Error {
  override readonly name = "ModelError"
  readonly code: ModelErrorCode

  constructor(code: ModelErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options)
    this.code = code
  }
}
