import { element } from "../browser/element.ts"
import { type Batch, isRunning, ticketOf } from "./batch.ts"
import { batchNote, batchWords, OPERATIONS } from "./batch-words.ts"
import type { StartBatch } from "./batches.ts"
import { renderFindings } from "./render-findings.ts"

export type BatchActions = {
  start: (how: Omit<StartBatch, "model">) => void
  cancel: () => void
  /** Submits the failed rows again, as another list. @returns an error sentence */
  retryRows: () => Promise<string>
  remove: () => void
  /** Downloads the finished rows and shows progress. @returns an error sentence */
  download: (onRows: (rows: number) => void) => Promise<string>
}

export type BatchCard = { root: HTMLElement; render: (batch: Batch) => void }

/** A list as a card. Its elements are updated in place, so that keyboard focus stays. */
export function createBatchCard(id: string, actions: BatchActions): BatchCard {
  const title = element("h3", { id: `batch-${id}` })
  const words = element("p", { class: "count" })
  const note = element("p", { class: "note" })
  const progress = element("progress", { max: "1", value: "0", "aria-labelledby": title.id })
  const counts = element("dl")
  const findings = element("div", { class: "findings" })
  const operation = element(
    "select",
    { id: `operation-${id}` },
    ...Object.entries(OPERATIONS).map(([value, { choice }]) => element("option", { value }, choice)),
  )
  const number = element("input", { id: `number-${id}`, type: "number", min: 1, required: true })
  const numberLabel = element("label", { for: number.id })
  const numberPart = element("span", {}, numberLabel, " ", number)
  const showNumber = () => {
    const asked = OPERATIONS[operation.value]?.number
    numberPart.hidden = asked === undefined
    if (asked === undefined) return
    numberLabel.textContent = asked.label
    number.max = String(asked.max)
    number.value = String(asked.usual)
  }
  operation.addEventListener("change", showNumber)
  showNumber()
  const choice = element(
    "p",
    { class: "batch-choice" },
    element("label", { for: operation.id }, "With each picture"),
    operation,
    numberPart,
  )
  const column = element("select", { id: `column-${id}`, required: true })
  const columnChoice = element(
    "p",
    { class: "batch-choice" },
    element("label", { for: column.id }, "Column with the URLs"),
    column,
  )
  /** Null while a column is to be chosen and none is. */
  const chosenColumn = () => {
    if (columnChoice.hidden) return {}
    return column.reportValidity() ? { urlColumn: column.value } : null
  }
  const button = (label: string, kind: string, act: () => void) => {
    const made = element("button", { type: "button", class: kind }, label)
    made.addEventListener("click", act)
    return made
  }
  const start = button("Start", "button primary", () => {
    const asked = OPERATIONS[operation.value]?.number
    if (asked !== undefined && !number.reportValidity()) return
    actions.start({ operation: operation.value, options: asked === undefined ? {} : { [asked.option]: number.value } })
  })
  const again = (how: Pick<StartBatch, "skipsInvalid">) => () => {
    const chosen = chosenColumn()
    if (chosen !== null) actions.start({ ...how, ...chosen })
  }
  const skip = button("Accept the other rows", "button primary", again({ skipsInvalid: true }))
  const retry = button("Try again", "button primary", again({}))
  const cancel = button("Cancel the rest", "button", actions.cancel)
  const retryRows = button("Retry failed rows", "button", async () => {
    download.note.textContent = await actions.retryRows()
  })
  const remove = button("Remove", "button", actions.remove)
  const download = createDownload(actions.download)
  const root = element(
    "article",
    { class: "batch", "aria-labelledby": title.id, "data-id": id, tabindex: "-1" },
    element("div", { class: "batch-head" }, title, words, note),
    choice,
    columnChoice,
    progress,
    counts,
    findings,
    element("div", { class: "actions" }, start, skip, retry, download.button, retryRows, cancel, remove),
    download.note,
  )

  const render = (batch: Batch) => {
    const { phase } = batch.progress
    const ticket = ticketOf(batch)
    const isOver = ticket?.done === true
    const isRefused = batch.progress.phase === "refused"
    title.textContent = batch.name
    words.textContent = batchWords(batch)
    note.textContent = batchNote(batch)
    root.dataset.phase = phase
    root.dataset.state = isRefused || ticket?.status === "failed" ? "bad" : isOver ? "good" : "open"
    choice.hidden = phase !== "chosen"
    if (phase !== "chosen") operation.value = batch.operation
    progress.hidden = !isRunning(batch)
    if (ticket === undefined) progress.removeAttribute("value")
    else progress.value = ticket.pictures.done / Math.max(1, ticket.pictures.total)
    counts.hidden = ticket === undefined
    counts.replaceChildren(...(ticket === undefined ? [] : countsOf(ticket.pictures)))
    renderFindings(findings, batch)
    start.hidden = phase !== "chosen"
    skip.hidden = batch.progress.phase !== "refused" || batch.progress.badRows === undefined
    columnChoice.hidden = !isRefused || ticket !== undefined || batch.columns === undefined
    if (!columnChoice.hidden) renderColumns(column, batch)
    retry.hidden = !isRefused || (columnChoice.hidden && !skip.hidden) || !mayRetry(batch)
    retry.textContent = columnChoice.hidden ? "Try again" : "Start again"
    download.render(ticket === undefined ? "none" : isOver ? "all" : ticket.pictures.done > 0 ? "part" : "none")
    retryRows.hidden = !isOver || isRefused || ticket.pictures.failed + ticket.pictures.canceled === 0
    cancel.hidden = !isRunning(batch)
    cancel.textContent = phase === "sending" ? "Cancel" : "Cancel the rest"
    remove.hidden = isRunning(batch)
  }
  return { root, render: (batch) => keepFocus(root, () => render(batch)) }
}

function renderColumns(select: HTMLSelectElement, { columns = [], urlColumn = "" }: Batch): void {
  select.replaceChildren(
    element("option", { value: "" }, "Choose …"),
    ...columns.map((name) => element("option", { value: name }, name)),
  )
  select.value = urlColumn
}

/** Removing a focused button would move the keyboard focus to the top of the page. */
function keepFocus(root: HTMLElement, change: () => void): void {
  const hadFocus = root.contains(document.activeElement)
  change()
  // Some browsers remove it at once, others on the next frame.
  const focused = document.activeElement
  const isLost = !root.contains(focused) || focused?.closest("[hidden]") !== null
  if (hadFocus && isLost) root.focus({ preventScroll: true })
}

function mayRetry({ file, progress }: Batch): boolean {
  const isGone = progress.phase === "refused" && progress.error.code === "not_found"
  return !isGone && (file !== undefined || (progress.phase === "refused" && progress.ticket !== undefined))
}

type Pictures = NonNullable<ReturnType<typeof ticketOf>>["pictures"]

function countsOf({ total, done, succeeded, failed, canceled }: Pictures): HTMLElement[] {
  const figures = { succeeded, failed, canceled, left: total - done }
  return Object.entries(figures)
    .filter(([name, count]) => count > 0 || name === "succeeded" || name === "failed")
    .map(([name, count]) =>
      element(
        "div",
        count > 0 ? { "data-count": name } : {},
        element("dt", {}, name),
        element("dd", {}, count.toLocaleString("en")),
      ),
    )
}

const LABELS = { none: "", part: "Download finished rows", all: "Download results" }

function createDownload(download: BatchActions["download"]) {
  const button = element("button", { type: "button", class: "button" })
  const note = element("p", { class: "note", role: "status" })
  let [what, rows]: [keyof typeof LABELS, number | null] = ["none", null]
  const show = () => {
    button.hidden = what === "none"
    button.classList.toggle("primary", what === "all")
    const label = rows === null ? LABELS[what] : `Fetching rows … ${rows > 0 ? rows.toLocaleString("en") : ""}`
    if (button.textContent !== label) button.textContent = label
  }
  button.addEventListener("click", async () => {
    // Not disabled, which would remove the focus.
    if (rows !== null) return
    const progress = (count: number) => {
      rows = count
      show()
    }
    note.textContent = ""
    progress(0)
    try {
      note.textContent = await download(progress)
    } finally {
      rows = null
      show()
    }
  })
  return {
    button,
    note,
    render: (next: keyof typeof LABELS) => {
      what = next
      show()
    },
  }
}
