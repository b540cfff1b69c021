import type { ModelList } from "../../lib/client/claimcheck.ts"
import { store } from "../api/access.ts"
import type { Edge } from "../api/edge.ts"
import { byId, element } from "../browser/element.ts"

const STORAGE_KEY = "claimcheck-model"

/** Which model is asked. Empty stands for the server's choice. */
export class ModelChoice {
  readonly #select = byId<HTMLSelectElement>("model")
  #shown = ""

  constructor() {
    this.#show([])
    this.#select.addEventListener("change", () => store(() => localStorage.setItem(STORAGE_KEY, this.value)))
  }

  get value(): string {
    return this.#select.value
  }

  /** Reloads the list when the queue reports other models than shown. */
  async refresh(edge: Edge, ids: readonly string[]): Promise<void> {
    const served = ids.join(" ")
    if (served === this.#shown) return
    this.#shown = served
    const { models } = await edge.use((client) => client.models(), { retries: 0 })
    this.#show(models)
  }

  #show(models: ModelList["models"]): void {
    const wished = store(() => localStorage.getItem(STORAGE_KEY)) ?? ""
    const options = models.map(({ id, name, labels }) =>
      element("option", { value: id }, `${name} · ${labels.toLocaleString("en")} labels`),
    )
    // One that is gone stays chosen: nothing may go to another model unasked.
    const isGone = wished !== "" && !models.some(({ id }) => id === wished)
    if (isGone)
      options.push(element("option", { value: wished }, `${wished}${models.length > 0 ? " · not served now" : ""}`))
    // A single model needs no choice.
    if (options.length !== 1 || isGone) options.unshift(element("option", { value: "" }, "The server's choice"))
    this.#select.replaceChildren(...options)
    if (wished !== "") this.#select.value = wished
  }
}
