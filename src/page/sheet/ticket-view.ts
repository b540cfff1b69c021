import type { TicketData } from "../../lib/client/claimcheck.ts"
import type { Album } from "../album/album.ts"
import type { Images } from "../album/images.ts"
import { failureOf, isDone, type Picture } from "../album/picture.ts"
import { byId, element } from "../browser/element.ts"
import { failureSentence, humanBytes, percent, shrunkSentence } from "./sentences.ts"
import { renderSteps } from "./steps.ts"

export type TicketActions = {
  cancel: (picture: Picture) => void
  retry: (picture: Picture) => void
  remove: (picture: Picture) => void
}

/** The selected picture as a ticket, with its progress and result. */
export class TicketView {
  readonly #root = byId("ticket")
  readonly #album: Album
  readonly #images: Images
  readonly #actions: TicketActions
  readonly #photo = element("div", { class: "photo" })
  readonly #stub = element("div", { class: "stub" })
  #id: string | null = null

  constructor(album: Album, images: Images, actions: TicketActions) {
    this.#album = album
    this.#images = images
    this.#actions = actions
    album.listen({
      added: () => undefined,
      changed: ({ id }) => id === this.#id && this.#render(),
      removed: (ids) => this.#id !== null && ids.includes(this.#id) && this.show(null),
    })
    this.show(null)
  }

  show(id: string | null): void {
    this.#id = id
    const picture = id === null ? undefined : this.#album.get(id)
    this.#root.classList.toggle("empty", picture === undefined)
    this.#keepFocus(() => {
      if (picture === undefined) this.#root.replaceChildren(...blankTicket())
      else this.#root.replaceChildren(this.#photo, this.#stub)
    })
    if (picture === undefined) return
    void this.#showPhoto(picture)
    this.#render()
  }

  /** Where a reader goes on after choosing a picture. */
  focus(): void {
    this.#root.focus({ preventScroll: true })
    this.#root.scrollIntoView({ block: "nearest" })
  }

  /** Scrolls to the ticket after a submit, if it is below the visible part. */
  reveal(): void {
    if (this.#root.getBoundingClientRect().top > innerHeight * 0.6) this.#root.scrollIntoView({ block: "start" })
  }

  async #showPhoto({ id, name }: Picture): Promise<void> {
    this.#photo.replaceChildren()
    const url = await this.#images.large(id)
    if (this.#id !== id) return
    if (url === null) {
      this.#photo.replaceChildren(element("p", {}, "No preview"))
      return
    }
    const img = element("img", { src: url, alt: `Your picture ${name}` })
    img.addEventListener("error", () => this.#photo.replaceChildren(element("p", {}, "No preview")), { once: true })
    this.#photo.replaceChildren(img)
  }

  #render(): void {
    const picture = this.#id === null ? undefined : this.#album.get(this.#id)
    if (picture === undefined) return
    const ticket = picture.progress.phase === "ticket" ? picture.progress.ticket : undefined
    const failure = failureOf(picture)
    this.#keepFocus(() =>
      this.#stub.replaceChildren(
        element(
          "div",
          { class: "what" },
          element("h2", { id: "ticket-title" }, picture.name),
          element("p", { class: "meta" }, describeImage(ticket)),
          picture.shrunk !== undefined && element("p", { class: "meta" }, shrunkSentence(picture.shrunk)),
        ),
        renderSteps(picture),
        failure === null
          ? answer(ticket)
          : element(
              "div",
              { class: "failure" },
              element("p", {}, failureSentence(failure)),
              failure.code !== "canceled" &&
                !failureSentence(failure).startsWith(failure.message) &&
                element("p", { class: "note" }, failure.message),
            ),
        element(
          "div",
          { class: "foot" },
          element("p", { class: "number", title: "The ticket's id" }, ticket === undefined ? "" : shortId(ticket.id)),
          element("div", { class: "actions" }, ...this.#buttons(picture)),
        ),
      ),
    )
  }

  /** Removing a focused button would move the keyboard focus to the top of the page. */
  #keepFocus(change: () => void): void {
    const hadFocus = this.#root.contains(document.activeElement)
    change()
    if (hadFocus && !this.#root.contains(document.activeElement)) this.#root.focus({ preventScroll: true })
  }

  #buttons(picture: Picture): HTMLButtonElement[] {
    const button = (label: string, act: (picture: Picture) => void) => {
      const made = element("button", { type: "button", class: "button" }, label)
      made.addEventListener("click", () => act(picture))
      return made
    }
    if (!isDone(picture)) return [button("Cancel", this.#actions.cancel)]
    const remove = button("Remove", this.#actions.remove)
    const isAtHand = picture.url !== undefined || this.#album.fileAtHand(picture.id) !== undefined
    const mayRetry = failureOf(picture) !== null && isAtHand
    return mayRetry ? [button("Try again", this.#actions.retry), remove] : [remove]
  }
}

function blankTicket(): HTMLElement[] {
  return [
    element(
      "div",
      { class: "photo" },
      element("h2", { id: "ticket-title" }, "No ticket yet"),
      element("p", {}, "Your picture appears here, with the predictions of the model."),
    ),
    element("div", { class: "stub" }, answer(undefined)),
  ]
}

function describeImage(ticket: TicketData | undefined): string {
  const { image, model, operation } = ticket ?? {}
  if (image === undefined) return ""
  return `${image.width} × ${image.height} · ${image.format} · ${humanBytes(image.bytes)} · ${model?.id ?? operation}`
}

function answer(ticket: TicketData | undefined): HTMLElement {
  const predictions = ticket?.predictions?.slice(0, 5) ?? []
  if (predictions.length === 0) return element("div", { class: "bars blank", "aria-hidden": "true" })
  const rows = predictions.map(({ label, probability }) => {
    const bar = element("span", { class: "bar", "aria-hidden": "true" })
    bar.style.setProperty("--share", String(probability))
    return element(
      "li",
      {},
      element("span", { class: "label" }, label),
      " ",
      element("span", { class: "share" }, percent(probability)),
      bar,
    )
  })
  return element("ol", { class: "bars", "aria-label": "Predictions" }, ...rows)
}

function shortId(id: string): string {
  return id.length > 20 ? `${id.slice(0, 12)}…${id.slice(-6)}` : id
}
