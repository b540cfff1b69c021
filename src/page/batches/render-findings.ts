import type { BatchTicket } from "../../lib/batches/batch-ticket.ts"
import type { InvalidRow } from "../../lib/client/claimcheck.ts"
import { element } from "../browser/element.ts"
import { failureSentence } from "../sheet/sentences.ts"
import { type Batch, ticketOf } from "./batch.ts"

/** What is wrong with a list: rows that cannot be taken, or the first pictures that failed. Made anew only when it changes. */
export function renderFindings(root: HTMLElement, batch: Batch): void {
  const { progress } = batch
  const badRows = progress.phase === "refused" ? progress.badRows : undefined
  const failures = ticketOf(batch)?.failures ?? []
  const key = badRows === undefined ? `failures ${failures.length}` : `rows ${badRows.count}`
  if (root.dataset.key === key) return
  root.dataset.key = key
  if (badRows !== undefined) root.replaceChildren(badRowsTable(batch.name, badRows.rows))
  else if (failures.length === 0) root.replaceChildren()
  else root.replaceChildren(failureList(failures, { open: root.querySelector("details")?.open === true }))
}

function failureList(failures: BatchTicket["failures"], { open }: { open: boolean }): HTMLElement {
  const items = failures.map(({ row, url, code, message }) =>
    element(
      "li",
      {},
      element("span", {}, `Row ${row.toLocaleString("en")}: ${failureSentence({ code, message })}`),
      element("span", { class: "note" }, url),
    ),
  )
  return element("details", { open }, element("summary", {}, "First failures"), element("ol", {}, ...items))
}

function badRowsTable(name: string, rows: readonly InvalidRow[]): HTMLElement {
  const head = ["Row", "Column", "Reason"].map((text) => element("th", { scope: "col" }, text))
  const body = rows.map(({ row, column, value, reason }) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, row.toLocaleString("en")),
      element("td", {}, column),
      element("td", {}, reason, value !== "" && element("span", { class: "note" }, value)),
    ),
  )
  // It scrolls, so a keyboard must get there.
  return element(
    "div",
    { class: "bad-rows", role: "region", tabindex: "0", "aria-label": `Invalid rows of ${name}` },
    element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...body)),
  )
}
