import type { Album } from "../album/album.ts"
import { isDone, isSucceeded, type Picture } from "../album/picture.ts"
import { byId } from "../browser/element.ts"
import { saveAs } from "../browser/save-as.ts"
import { picturesToCsv } from "./csv.ts"
import { countWords } from "./sentences.ts"

export type SheetActions = { cancel: (pictures: readonly Picture[]) => void; clear: () => void }

/** Counts of all pictures, and the actions on all of them. */
export function showSheetHead(album: Album, actions: SheetActions): void {
  const [sheet, count, clear] = [byId("sheet"), byId("count"), byId("clear")]
  const progress = byId<HTMLProgressElement>("sheet-progress")
  const [cancelAll, saveCsv] = [byId("cancel-all"), byId("save-csv")]
  let isDue = false

  const render = () => {
    isDue = false
    const pictures = album.pictures
    const open = pictures.filter((picture) => !isDone(picture)).length
    sheet.hidden = pictures.length === 0
    const done = pictures.length - open
    count.textContent = countWords(pictures)
    progress.hidden = open === 0
    progress.max = Math.max(1, pictures.length)
    progress.value = done
    cancelAll.hidden = open < 2
    saveCsv.hidden = pictures.filter(isSucceeded).length === 0
  }
  // Count once per frame, because many pictures change often.
  const renderSoon = () => {
    if (isDue) return
    isDue = true
    requestAnimationFrame(render)
  }
  album.listen({ added: render, changed: renderSoon, removed: render })

  cancelAll.addEventListener("click", () => actions.cancel(album.pictures.filter((picture) => !isDone(picture))))
  clear.addEventListener("click", actions.clear)
  saveCsv.addEventListener("click", () => saveAs("claimcheck.csv", [picturesToCsv(album.pictures)]))
}
