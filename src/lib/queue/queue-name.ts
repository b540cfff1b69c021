import { OPERATIONS, type Operation } from "../operations/operations.ts"

/** Where a job waits. A model's id holds neither "@" nor ":", so that no model's queue can be mistaken for another kind. */
const OF_URLS = "@url"

export type QueueOf = { model?: string | undefined; operation: Operation["name"]; isUrl: boolean }

/**
 * The name of the queue that a job waits in: of its model, or of its operation ("@inspect") where that needs none; and apart from
 * uploads what must be fetched from elsewhere first ("…@url"), so that slow hosts hold up no picture that is here.
 */
export function queueName({ model, operation, isUrl }: QueueOf): string {
  const line = OPERATIONS[operation].usesModel ? model : `@${operation}`
  if (line === undefined) throw new Error(`Cannot queue a job: ${operation} needs a model`)
  return isUrl ? line + OF_URLS : line
}

/** The model whose jobs wait in a queue, or "@resize" for an operation without one. */
export const modelOfQueue = (queue: string): string => (isUrlQueue(queue) ? queue.slice(0, -OF_URLS.length) : queue)

/** The queues that hold what waits for a model: uploads, and images that are to be fetched. */
export const queuesOfModel = (model: string): string[] => [model, model + OF_URLS]

export const isUrlQueue = (queue: string): boolean => queue.endsWith(OF_URLS)

/** The queues that a classifier of these models takes jobs from. */
export function queuesOf(models: readonly string[], { urls }: { urls: boolean }): string[] {
  const operations = Object.entries(OPERATIONS).filter(([, { usesModel }]) => !usesModel)
  const names = [...models, ...operations.map(([name]) => `@${name}`)]
  return names.map((name) => (urls ? name + OF_URLS : name))
}
