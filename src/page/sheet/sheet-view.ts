import type { Album } from "../album/album.ts"
import type { Images } from "../album/images.ts"
import { failureOf, isDone, isSucceeded, type Picture } from "../album/picture.ts"
import { byId, element } from "../browser/element.ts"
import { percent, stateWords } from "./sentences.ts"

/** Thumbnails, captions and states of all pictures; one of them is selected. One tab stop, arrows inside. */
export class SheetView {
  readonly #tiles = byId("tiles")
  readonly #images: Images
  readonly #select: (id: string, how: { byHand: boolean }) => void
  readonly #buttons = new Map<string, HTMLButtonElement>()
  #selected: string | null = null

  constructor(album: Album, images: Images, select: (id: string, how: { byHand: boolean }) => void) {
    this.#images = images
    this.#select = select
    album.listen({
      added: (pictures) => this.#add(pictures),
      changed: (picture) => this.#update(picture),
      removed: (ids) => this.#remove(ids),
    })
    this.#tiles.addEventListener("keydown", (event) => this.#move(event))
  }

  /** The order in which they are seen. */
  get order(): string[] {
    return [...this.#tiles.children].map((item) => (item as HTMLElement).dataset.id ?? "")
  }

  select(id: string | null): void {
    const before = this.#selected === null ? undefined : this.#buttons.get(this.#selected)
    before?.setAttribute("aria-pressed", "false")
    before?.setAttribute("tabindex", "-1")
    this.#selected = id
    const button = id === null ? undefined : this.#buttons.get(id)
    button?.setAttribute("aria-pressed", "true")
    button?.setAttribute("tabindex", "0")
  }

  #add(pictures: readonly Picture[]): void {
    const items = pictures.map((picture) => {
      const button = element(
        "button",
        { type: "button", class: "tile", "aria-pressed": "false", tabindex: "-1" },
        element("span", { class: "thumb" }),
        element("span", { class: "caption" }),
      )
      button.addEventListener("click", () => this.#select(picture.id, { byHand: true }))
      this.#buttons.set(picture.id, button)
      this.#update(picture)
      return element("li", { "data-id": picture.id }, button)
    })
    this.#tiles.prepend(...items)
    for (const { id } of pictures) void this.#showThumbnail(id)
  }

  async #showThumbnail(id: string): Promise<void> {
    const url = await this.#images.thumbnail(id)
    const place = this.#buttons.get(id)?.querySelector(".thumb")
    if (!place) return
    if (url === null) place.classList.add("unreadable")
    // Its caption names the picture already.
    else place.replaceChildren(element("img", { src: url, alt: "", decoding: "async" }))
  }

  #update(picture: Picture): void {
    const button = this.#buttons.get(picture.id)
    if (button === undefined) return
    const state = isSucceeded(picture) ? "good" : failureOf(picture) !== null ? "bad" : "open"
    button.dataset.state = state
    const first = picture.progress.phase === "ticket" ? picture.progress.ticket.predictions?.[0] : undefined
    const words = stateWords(picture)
    button.title = picture.name
    button
      .querySelector(".caption")
      ?.replaceChildren(
        element("span", { class: "unseen" }, first === undefined ? "" : `${picture.name}: `),
        element("span", { class: "label" }, first?.label ?? words),
        " ",
        element("span", { class: "share" }, first === undefined ? picture.name : percent(first.probability)),
      )
    button.toggleAttribute("data-busy", !isDone(picture))
  }

  #remove(ids: readonly string[]): void {
    for (const id of ids) {
      const button = this.#buttons.get(id)
      button?.parentElement?.remove()
      this.#buttons.delete(id)
      void this.#images.forget(id)
      if (this.#selected === id) this.#selected = null
    }
  }

  #move(event: KeyboardEvent): void {
    const items = [...this.#tiles.children]
    const at = items.findIndex((item) => item.contains(document.activeElement))
    const to = at === -1 ? undefined : targetOf(event.key, { at, columns: columnsOf(items), last: items.length - 1 })
    const button = to === undefined ? null : items[to]?.querySelector("button")
    const id = to === undefined ? undefined : (items[to] as HTMLElement | undefined)?.dataset.id
    if (!button || id === undefined) return
    event.preventDefault()
    this.#select(id, { byHand: false })
    button.focus()
  }
}

function targetOf(
  key: string,
  { at, columns, last }: { at: number; columns: number; last: number },
): number | undefined {
  const to = {
    ArrowRight: at + 1,
    ArrowLeft: at - 1,
    ArrowDown: at + columns,
    ArrowUp: at - columns,
    Home: 0,
    End: last,
  }
  const target = to[key as keyof typeof to]
  return target === undefined || target < 0 || target > last ? undefined : target
}

function columnsOf(items: readonly Element[]): number {
  const top = items[0]?.getBoundingClientRect().top
  const second = items.findIndex((item) => item.getBoundingClientRect().top !== top)
  return second === -1 ? items.length : second
}
