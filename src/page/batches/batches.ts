import { type BatchTicket, type Claimcheck, ClaimcheckError } from "../../lib/client/claimcheck.ts"
import { sleep } from "../../lib/sleep.ts"
import { listTypeOf } from "../album/incoming.ts"
import { assertReadable } from "../api/assert-readable.ts"
import type { Edge } from "../api/edge.ts"
import { randomId } from "../browser/random-id.ts"
import { type Batch, type BatchProgress, isRunning, newBatch, ticketOf } from "./batch.ts"
import type { BatchHistory } from "./batch-history.ts"
import { whenSeen } from "./when-seen.ts"
import { withCharset } from "./with-charset.ts"

/** Limit of stored items; the oldest are removed. */
const MAX_KEPT = 20
const GRACE_MS = 10_000
const DEFAULT_POLL_MS = 1_000

export type StartBatch = {
  skipsInvalid?: boolean
  operation?: string
  options?: Record<string, string>
  model?: string
  urlColumn?: string
}

/** All lists of this page: sends them, follows their tickets and notifies listeners. */
export class Batches {
  readonly #history: BatchHistory
  readonly #edge: Edge
  readonly #changed: (id: string) => void
  readonly #batches = new Map<string, Batch>()
  readonly #aborts = new Map<string, AbortController>()

  /** @param changed a list is new, has changed, or is gone */
  constructor(history: BatchHistory, edge: Edge, changed: (id: string) => void) {
    this.#history = history
    this.#edge = edge
    this.#changed = changed
  }

  get isBusy(): boolean {
    return [...this.#batches.values()].some(isRunning)
  }

  get(id: string): Batch | undefined {
    return this.#batches.get(id)
  }

  /** Restores the previous visit and continues it. */
  async load(): Promise<void> {
    const kept = (await this.#history.load()).sort((a, b) => a.addedMs - b.addedMs)
    for (const { id } of kept.splice(0, Math.max(0, kept.length - MAX_KEPT))) await this.#history.remove(id)
    for (const batch of kept) {
      this.#batches.set(batch.id, batch)
      this.#changed(batch.id)
      if (isRunning(batch)) void this.#follow(batch.id)
    }
  }

  add(files: readonly File[]): Batch[] {
    const added = files.map((file) => {
      const contentType = listTypeOf(file) ?? "application/octet-stream"
      return newBatch(file, { contentType, nowMs: Date.now() })
    })
    for (const batch of added) this.#put(batch)
    return added
  }

  /** Sends the list, or polls again if polling failed. */
  start(id: string, { skipsInvalid = false, ...how }: StartBatch) {
    const batch = this.#batches.get(id)
    if (batch === undefined || isRunning(batch)) return
    const ticket = ticketOf(batch)
    const progress: BatchProgress =
      ticket === undefined
        ? { phase: "sending", idempotencyKey: randomId(), skipsInvalid }
        : { phase: "ticket", ticket }
    this.#put({ ...batch, ...how, progress })
    void this.#follow(id)
  }

  /** Cancels the list; if an upload in progress gets a ticket, that is canceled too. */
  async cancel(id: string): Promise<void> {
    const batch = this.#batches.get(id)
    const abort = this.#aborts.get(id)
    if (batch === undefined || abort === undefined) return
    if (batch.progress.phase === "sending") {
      setTimeout(() => abort.abort(), GRACE_MS)
      this.#put({ ...batch, progress: { phase: "chosen" } })
      return
    }
    const ticket = ticketOf(batch)
    if (ticket === undefined) return
    try {
      this.#seen(id, { phase: "ticket", ticket: await this.#cancel(ticket.id, abort.signal) })
    } catch (error) {
      // It finished before the cancel arrived: the next poll shows it.
      if (!(error instanceof ClaimcheckError && error.code === "already_finished")) this.#refuse(id, error)
    }
  }

  /** Submits the failed rows of a list that is done again, as a list of its own. @throws ClaimcheckError */
  async retry(id: string, signal: AbortSignal): Promise<void> {
    const batch = this.#batches.get(id)
    const ticket = batch && ticketOf(batch)
    if (batch === undefined || ticket === undefined) return
    // The same key, so that a second click finds the first one's batch.
    const again = { idempotencyKey: `retry ${ticket.id}`, signal }
    const { latest } = await this.#edge.use((client) => client.batch(ticket.id).retry(again))
    const known = [...this.#batches.values()].some((other) => ticketOf(other)?.id === latest?.id)
    if (latest === undefined || known) return
    const anew = { ...batch, id: randomId(), name: `failed rows of ${batch.name}`, addedMs: Date.now() }
    this.#put({ ...anew, progress: { phase: "ticket", ticket: latest } })
    void this.#follow(anew.id)
  }

  remove(id: string): void {
    this.#aborts.get(id)?.abort()
    this.#batches.delete(id)
    this.#keep(this.#history.remove(id))
    this.#changed(id)
  }

  async #follow(id: string): Promise<void> {
    const abort = new AbortController()
    this.#aborts.set(id, abort)
    try {
      await this.#send(id, abort.signal)
      // A list that was canceled and sent again is followed by its new upload.
      while (this.#aborts.get(id) === abort && (await this.#look(id, abort.signal)));
    } catch (error) {
      if (!abort.signal.aborted && this.#aborts.get(id) === abort) this.#refuse(id, error)
    } finally {
      if (this.#aborts.get(id) === abort) this.#aborts.delete(id)
    }
  }

  async #send(id: string, signal: AbortSignal): Promise<void> {
    const batch = this.#batches.get(id)
    if (batch?.progress.phase !== "sending") return
    const { file, progress } = batch
    if (file === undefined) throw new ClaimcheckError("not_uploaded", "The file is no longer available")
    await assertReadable(file)
    const { idempotencyKey, skipsInvalid } = progress
    const { operation, options, model, urlColumn } = batch
    const contentType = await withCharset(batch.contentType, file)
    this.#whileSending(id, idempotencyKey, (now) => ({ ...now, contentType }))
    const list = file.slice(0, file.size, contentType)
    const submit = (client: Claimcheck) =>
      client.submitBatch(list, {
        ...{ operation, options, urlColumn, idempotencyKey, signal },
        model: operation === "classify" && model !== "" ? model : undefined,
        onInvalid: skipsInvalid ? "skip" : undefined,
      })
    const { latest: ticket } = await this.#edge.use(submit, {
      onKeyWait: (needsKey) =>
        this.#whileSending(id, idempotencyKey, (now) => ({ ...now, progress: { ...progress, needsKey } })),
    })
    if (ticket === undefined) throw new ClaimcheckError("bad_response", "The response is not a ticket")
    const now = this.#batches.get(id)?.progress
    if (now?.phase === "sending" && now.idempotencyKey === idempotencyKey) this.#seen(id, { phase: "ticket", ticket })
    else if (!ticket.done) await this.#cancel(ticket.id, signal)
  }

  /** Changes the list unless this upload was canceled. */
  #whileSending(id: string, idempotencyKey: string, change: (batch: Batch) => Batch): void {
    const now = this.#batches.get(id)
    if (now?.progress.phase === "sending" && now.progress.idempotencyKey === idempotencyKey) this.#put(change(now))
  }

  /** Polls as hinted, while the page is visible. @returns whether to continue */
  async #look(id: string, signal: AbortSignal): Promise<boolean> {
    const progress = this.#batches.get(id)?.progress
    if (progress?.phase !== "ticket" || progress.ticket.done) return false
    await sleep(progress.ticket.poll_after_ms ?? DEFAULT_POLL_MS, signal)
    await whenSeen(signal)
    signal.throwIfAborted()
    const ticket = await this.#edge.use((client) => client.batch(progress.ticket.id).refresh({ signal }))
    this.#seen(id, { phase: "ticket", ticket })
    return true
  }

  #cancel(id: string, signal: AbortSignal): Promise<BatchTicket> {
    return this.#edge.use((client) => client.batch(id).cancel({ signal }))
  }

  #refuse(id: string, error: unknown): void {
    const batch = this.#batches.get(id)
    if (batch === undefined || !isRunning(batch)) return
    const ticket = ticketOf(batch)
    const { invalid_rows: count, rows, columns } = (error instanceof ClaimcheckError && error.problem) || {}
    const refusal =
      error instanceof ClaimcheckError
        ? { code: columns === undefined ? error.code : "no_url_column", message: error.message }
        : { code: "internal", message: "An error occurred in this page" }
    const badRows = count !== undefined && rows !== undefined && { count, rows }
    this.#put({
      ...batch,
      ...(columns && { columns }),
      progress: { phase: "refused", error: refusal, ...(badRows && { badRows }), ...(ticket && { ticket }) },
    })
  }

  /** Ignore late responses for lists that are done or removed. */
  #seen(id: string, progress: BatchProgress & { phase: "ticket" }): void {
    const batch = this.#batches.get(id)
    if (batch === undefined || !isRunning(batch)) return
    // The server has the list now.
    const { file: _file, ...rest } = batch
    this.#put({ ...rest, progress })
  }

  #put(batch: Batch): void {
    this.#batches.set(batch.id, batch)
    this.#keep(this.#history.save(batch))
    this.#changed(batch.id)
  }

  /** Storage is optional: a full disk must not stop the lists. */
  #keep(saving: Promise<unknown>): void {
    saving.catch(() => undefined)
  }
}
