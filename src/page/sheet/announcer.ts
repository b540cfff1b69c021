import type { Album } from "../album/album.ts"
import { failureOf, isDone, type Picture } from "../album/picture.ts"
import { byId } from "../browser/element.ts"
import { countOf, countWords, failureSentence, stateWords } from "./sentences.ts"

/** Announcing every one of many pictures would block a screen reader. */
const AT_MOST_EVERY_MS = 2_500

/** Announces the progress of this visit's pictures to screen readers. */
export function announceProgress(album: Album): void {
  const region = byId("announcer")
  const ours = new Set<string>()
  let told = 0
  let timer: ReturnType<typeof setTimeout> | undefined

  const startedMs = Date.now()
  const isNew = (picture: Picture) => !isDone(picture) || picture.addedMs >= startedMs
  const tell = () => {
    timer = undefined
    const pictures = [...ours].map((id) => album.get(id)).filter((picture) => picture !== undefined)
    const done = pictures.filter(isDone)
    if (done.length === told) return
    told = done.length
    region.textContent = wordsFor(pictures, done)
    if (done.length === pictures.length) {
      ours.clear()
      told = 0
    }
  }
  album.listen({
    added: (pictures) => {
      const open = pictures.filter((picture) => !isDone(picture))
      // Files refused at once count with their submit; pictures of an earlier visit are not announced.
      for (const { id } of pictures.filter(isNew)) ours.add(id)
      if (open.length > 0) region.textContent = `${countOf(open.length, "picture")} submitted.`
      else if (ours.size > 0) tell()
    },
    changed: (picture) => {
      if (!ours.has(picture.id) || !isDone(picture)) return
      if (timer === undefined) timer = setTimeout(tell, ours.size === 1 ? 0 : AT_MOST_EVERY_MS)
    },
    removed: (ids) => {
      for (const id of ids) ours.delete(id)
    },
  })
}

function wordsFor(pictures: readonly Picture[], done: readonly Picture[]): string {
  const [only] = done
  if (pictures.length === 1 && only !== undefined) {
    const failure = failureOf(only)
    return `${only.name}: ${failure === null ? stateWords(only) : failureSentence(failure)}`
  }
  return `${countOf(pictures.length, "picture")}: ${countWords(pictures)}.`
}
