import type { ServingModel } from "./serving-model.ts"
import { loadModel } from "./tfjs/load-model.ts"

/** The model in a folder, ready to answer. @throws ModelError */
export async function openModel(id: string, folder: string): Promise<ServingModel> {
  const { files: _files, ...model } = await loadModel(id, folder)
  return model
}
