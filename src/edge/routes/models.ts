import { serviceRate } from "../../lib/registry.ts"
import { newRouter } from "../router.ts"

/** Models that living classifiers serve. */
export const models = newRouter()

models.get("/", async (c) => {
  const { registry, now } = c.var.services
  const snapshot = await registry.snapshot()
  const served = snapshot.models
    .map((model) => ({ model, classifiers: serviceRate(snapshot, model.id, { nowMs: now() }).classifiers }))
    .filter(({ classifiers }) => classifiers > 0)
    .sort((a, b) => (a.model.id < b.model.id ? -1 : 1))
    .map(({ model, classifiers }) => ({
      id: model.id,
      name: model.name,
      version: model.version,
      input: { width: model.inputWidth, height: model.inputHeight },
      labels: model.labels,
      classifiers,
    }))
  return c.json({ models: served })
})
