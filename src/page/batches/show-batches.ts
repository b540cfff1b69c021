import { ClaimcheckError } from "../../lib/client/claimcheck.ts"
import type { Edge } from "../api/edge.ts"
import { byId } from "../browser/element.ts"
import { saveAs } from "../browser/save-as.ts"
import { failureSentence } from "../sheet/sentences.ts"
import { type Batch, ticketOf } from "./batch.ts"
import { type BatchActions, type BatchCard, createBatchCard } from "./batch-card.ts"
import type { BatchHistory } from "./batch-history.ts"
import { announcementOf } from "./batch-words.ts"
import { Batches } from "./batches.ts"
import { fetchResults } from "./fetch-results.ts"

export type ShowBatches = { history: BatchHistory; modelNow: () => string }

export type ShownBatches = { batches: Batches; take: (files: File[]) => void }
type Shown = BatchCard & { gone: AbortController }

/** The lists as cards, the newest first. */
export function showBatches(edge: Edge, { history, modelNow }: ShowBatches): ShownBatches {
  const [section, place, announcer] = [byId("batches"), byId("batch-cards"), byId("batch-announcer")]
  const shown = new Map<string, Shown>()
  const said = new Map<string, string>()

  const changed = (id: string) => {
    const batch = batches.get(id)
    if (batch === undefined) return drop(id)
    const card = shown.get(id) ?? add(id)
    const isTurned = card.root.dataset.phase !== batch.progress.phase
    card.render(batch)
    // It has grown: who works with it sees all of it.
    if (isTurned && card.root.contains(document.activeElement)) card.root.scrollIntoView({ block: "nearest" })
    const words = announcementOf(batch)
    // Do not announce the state of an earlier visit.
    if (words !== "" && said.has(id) && said.get(id) !== words) announcer.textContent = words
    said.set(id, words)
  }
  const add = (id: string): Shown => {
    const gone = new AbortController()
    const card = { ...createBatchCard(id, actionsOf(id, gone.signal)), gone }
    shown.set(id, card)
    place.prepend(card.root)
    section.hidden = false
    return card
  }
  const drop = (id: string) => {
    const card = shown.get(id)
    card?.gone.abort()
    const hadFocus = card?.root.contains(document.activeElement) === true
    card?.root.remove()
    shown.delete(id)
    said.delete(id)
    section.hidden = shown.size === 0
    if (hadFocus) (section.hidden ? byId("choose-list") : section).focus({ preventScroll: true })
  }
  const actionsOf = (id: string, gone: AbortSignal): BatchActions => ({
    start: (how) => {
      batches.start(id, { model: modelNow(), ...how })
      // The list waits for the key, so scroll to the form.
      if (!byId("key-form").hidden) byId("key").focus()
    },
    cancel: () => void batches.cancel(id),
    retryRows: async () => {
      try {
        await batches.retry(id, gone)
        return ""
      } catch (error) {
        if (gone.aborted) return ""
        if (!(error instanceof ClaimcheckError)) throw error
        return `The rows could not be submitted again. ${failureSentence(error)}`
      }
    },
    remove: () => batches.remove(id),
    download: async (onRows) => {
      const batch = batches.get(id)
      const ticket = batch && ticketOf(batch)
      if (batch === undefined || ticket === undefined) return ""
      try {
        const pageAfter = (after: number) =>
          edge.use((client) => client.batch(ticket.id).results({ after, signal: gone }))
        saveAs(resultsName(batch), await fetchResults(pageAfter, onRows))
        return ""
      } catch (error) {
        if (gone.aborted) return ""
        if (!(error instanceof ClaimcheckError)) throw error
        return `The results could not be fetched. ${failureSentence(error)}`
      }
    },
  })
  const batches = new Batches(history, edge, changed)
  const take = (files: File[]) => {
    const added = batches.add(files)
    const [first] = added
    if (first === undefined) return
    announcer.textContent = added.map(announcementOf).join(" ")
    const root = shown.get(first.id)?.root
    root?.focus({ preventScroll: true })
    root?.scrollIntoView({ block: "nearest" })
  }
  return { batches, take }
}

function resultsName({ name }: Batch): string {
  return `${name.replace(/\.\w+$/, "")}.results.csv`
}
