import { modelListSchema } from "../../lib/queue/model-list.ts"
import { isRemembered, type ServedModel, serviceRate } from "../../lib/queue/registry.ts"
import { createRoute } from "../openapi/api-route.ts"
import { REDIS_ERRORS } from "../openapi/error-codes.ts"
import { newRouter } from "../router.ts"

const list = createRoute({
  method: "get",
  path: "/v1/models",
  operationId: "listModels",
  tag: "Service",
  summary: "List the models that classifiers serve",
  access: "caller",
  responses: {
    200: {
      description: "By id",
      content: {
        "application/json": modelListSchema,
      },
    },
  },
  errors: [...REDIS_ERRORS],
})

export const models = newRouter()

function toEngine({ engine: name, plan, reason }: NonNullable<ServedModel["servedBy"]>) {
  return { name, plan, ...(reason !== undefined && { reason }) }
}

models.openapi(list, async (c) => {
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
      languages: model.languages,
      ...(model.servedBy && { engine: toEngine(model.servedBy) }),
      classifiers,
    }))
  const unserved = snapshot.models
    .filter((model) => isRemembered(snapshot, model, now()) && !served.some(({ id }) => id === model.id))
    .map(({ id, seenMs }) => ({ id, last_seen: new Date(seenMs).toISOString() }))
  return c.json({ models: served, unserved })
})
