import { ModelError } from "./model-error.ts"

const MODEL_ID = /^[a-z0-9][a-z0-9_.-]{0,63}$/i

/** A model is asked for by its folder's name. @throws ModelError bad_name */
export function assertModelId(id: string): void {
  if (MODEL_ID.test(id)) return
  throw new ModelError("bad_name", `A model's folder has a name of at most 64 letters, digits, ".", "_" and "-"`)
}
