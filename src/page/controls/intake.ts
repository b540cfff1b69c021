import { filesOf, listTypeOf, looksLikePicture } from "../album/incoming.ts"
import { byId } from "../browser/element.ts"

export type Takers = {
  /** All that is no list, whether it is a picture or not. */
  pictures: (given: (File | URL)[]) => void
  lists: (files: File[]) => void
}

/** Files come by choosing, by the camera, by a drop anywhere on the page, and by a paste; a picture elsewhere by its URL. */
export function takeFiles(take: Takers): void {
  const hand = (files: File[]) => {
    const isList = (file: File) => listTypeOf(file) !== undefined && !looksLikePicture(file)
    const [lists, others] = [files.filter(isList), files.filter((file) => !isList(file))]
    if (others.length > 0) take.pictures(others)
    if (lists.length > 0) take.lists(lists)
  }
  takeUrls(take.pictures)
  for (const id of ["choose", "camera", "choose-list"]) {
    const input = byId<HTMLInputElement>(id)
    input.addEventListener("change", () => {
      hand([...(input.files ?? [])])
      // The same file may be chosen again.
      input.value = ""
    })
  }
  // Touch devices usually have a camera; elsewhere `capture` only opens the file dialog.
  byId("camera-label").hidden = navigator.maxTouchPoints === 0
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])]
    if (files.length === 0) return
    event.preventDefault()
    hand(files)
  })
  takeDrops(hand)
}

function takeUrls(take: Takers["pictures"]): void {
  const input = byId<HTMLInputElement>("url")
  // The form has validated it.
  byId<HTMLFormElement>("url-form").addEventListener("submit", (event) => {
    event.preventDefault()
    take([new URL(input.value.trim())])
    input.value = ""
  })
}

function takeDrops(hand: (files: File[]) => void): void {
  const root = document.documentElement
  const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") === true
  document.addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return
    event.preventDefault()
    root.classList.add("dragging")
  })
  document.addEventListener("dragleave", (event) => {
    // Between elements of the page there is somewhere to go to; out of it there is not.
    if (event.relatedTarget === null) root.classList.remove("dragging")
  })
  document.addEventListener("drop", async (event) => {
    root.classList.remove("dragging")
    if (!hasFiles(event) || event.dataTransfer === null) return
    event.preventDefault()
    hand(await filesOf(event.dataTransfer))
  })
}
