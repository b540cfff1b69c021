import * as z from "zod"
import { AppError } from "../app-error.ts"
import type { Keys } from "../redis/keys.ts"
import { pairsOf } from "../redis/pairs-of.ts"
import type { Redis } from "../redis/redis.ts"
import { instantOrNone, runScript, yesOrNo } from "../redis/run-script.ts"
import type { Script } from "../redis/script.ts"
import { DROP_UNDELIVERED, RECORD_ATTEMPT, RELEASE_EVENT, RESEND_EVENT, TAKE_EVENTS } from "../redis/scripts.ts"
import { type Attempt, type Delivery, type DeliveryEvent, decodeDelivery } from "./delivery.ts"

export type Take = {
  nowMs: number
  leaseMs: number
  /** Made by the caller; what it takes is fenced by it. */
  token: string
  max: number
  perReceiver: number
  /** How many more each receiver may get, where that is not `perReceiver`. */
  capacity: Readonly<Record<string, number>>
}

/** An entry that a deliverer has leased. `receiver`: an origin, or "<origin>#resend" for what is sent again on request. */
export type Taken = { eventId: string; receiver: string; token: string; delivery: Delivery; event: DeliveryEvent }
export type TakenEntries = {
  entries: Taken[]
  /** When something is due next for a receiver that has room; now or earlier when there is more already. */
  nextDueMs: number | null
}

export type Recorded = {
  attempt: Attempt
  nowMs: number
} & ({ outcome: "delivered" | "gone" | "given_up" } | { outcome: "retry"; dueMs: number })

export type Resend = {
  nowMs: number
  eventId?: string
  /** How long ago its last try must be. */
  pauseMs?: number
}

export type Undelivered = { eventId: string; sinceMs: number; delivery: Delivery; event: DeliveryEvent }

/** Entries: event id, receiver, record; and when the next is due. */
const takenReply = z.tuple([z.array(z.tuple([z.string(), z.string(), z.string()])), instantOrNone])
/** A reply is bounded, and a record holds its ticket's answer. */
const MAX_RECORDS_READ = 100

/** Longer than an attempt may take: one that is being sent must not come due for another deliverer. */
export const DELIVERY_LEASE_MS = 45_000

/**
 * Webhooks that wait for their receivers. They are put in by the scripts that end a ticket (publishEnd() in src/lib/queue/scripts/include).
 * Every call is one request, safe to repeat, and throws AppError redis_unavailable.
 */
export class Outbox {
  readonly #redis: Redis
  readonly #keys: Keys
  readonly #deliveredTtlMs: number

  /** @param deliveredTtlMs how long what has arrived can be looked at and sent again */
  constructor(redis: Redis, keys: Keys, { resultTtlMs }: { resultTtlMs: number }) {
    this.#redis = redis
    this.#keys = keys
    this.#deliveredTtlMs = resultTtlMs
  }

  /** Takes what is due. Entries whose reply was lost come due again when their lease ends. */
  async take(take: Take): Promise<TakenEntries> {
    const settings = JSON.stringify(take)
    const [rows, nextDueMs] = await this.#run(TAKE_EVENTS, [settings], takenReply)
    const entries = rows.flatMap(([eventId, receiver, text]) => {
      const delivery = decodeDelivery(text)
      const event = delivery.events.find(({ id }) => id === eventId)
      return event === undefined ? [] : [{ eventId, receiver, token: take.token, delivery, event }]
    })
    return { entries, nextDueMs }
  }

  /** False when the lease was lost meanwhile: another deliverer may have sent the event, too. */
  async record({ eventId, receiver, token }: Taken, recorded: Recorded): Promise<boolean> {
    const settings = { ...recorded, deliveredTtlMs: this.#deliveredTtlMs }
    return this.#run(RECORD_ATTEMPT, [eventId, receiver, token, JSON.stringify(settings)], yesOrNo)
  }

  /** Gives an entry back unsent. */
  async release({ eventId, receiver, token }: Taken, nowMs: number): Promise<boolean> {
    return this.#run(RELEASE_EVENT, [eventId, receiver, token, nowMs], yesOrNo)
  }

  /** The events of a ticket, or null when there are none (yet, or any longer). */
  async read(jobId: string): Promise<Delivery | null> {
    const text = await this.#redis.get(this.#keys.delivery(jobId))
    return typeof text === "string" ? decodeDelivery(text) : null
  }

  /**
   * Sends a ticket's event again, the latest unless one is named: at once, with a new schedule. Null when there is none.
   * @throws AppError resend_too_soon, when it was tried or sent again less than `pauseMs` ago
   */
  async resend(jobId: string, { nowMs, eventId = "", pauseMs = 0 }: Resend): Promise<Delivery | null> {
    const text = await this.#run(RESEND_EVENT, [jobId, eventId, nowMs, pauseMs], z.union([z.string(), z.number()]))
    if (typeof text === "number") {
      const message = `Cannot resend the webhook yet: at most one attempt every ${pauseMs / 1_000} s is sent on request`
      throw new AppError("resend_too_soon", message, { retryAfterMs: text })
    }
    return text === "" ? null : decodeDelivery(text)
  }

  /** What was given up, or refused by a 410, the latest first. */
  async listUndelivered({ offset = 0, count = 100 }: { offset?: number; count?: number } = {}): Promise<Undelivered[]> {
    const rows = await this.#redis.zrange<(string | number)[]>(this.#keys.undelivered, offset, offset + count - 1, {
      rev: true,
      withScores: true,
    })
    return this.#withRecords(pairsOf(rows).map(([eventId, sinceMs]) => ({ eventId, sinceMs: Number(sinceMs) })))
  }

  /** What failed and is tried again, the next first; of each receiver as much as `count`. */
  async listRetried({ count = 100 }: { count?: number } = {}): Promise<Undelivered[]> {
    const receivers = await this.#redis.zrange<string[]>(this.#keys.outbox, 0, -1)
    const retried: Undelivered[] = []
    for (const receiver of receivers) {
      const members = await this.#redis.zrange<string[]>(this.#keys.line(receiver), 0, count - 1)
      // One that is being sent has its lease's token behind it.
      const found = members.map((member) => ({ eventId: String(member).split(":")[0] ?? "", sinceMs: 0 }))
      for (const entry of await this.#withRecords(found)) {
        const { createdMs, state, attempts } = entry.event
        if (state === "pending" && attempts.at(-1)?.error !== undefined) retried.push({ ...entry, sinceMs: createdMs })
      }
    }
    return retried.sort((a, b) => (a.event.dueMs ?? 0) - (b.event.dueMs ?? 0)).slice(0, count)
  }

  async #withRecords(found: readonly { eventId: string; sinceMs: number }[]): Promise<Undelivered[]> {
    const texts: (string | null)[] = []
    for (let from = 0; from < found.length; from += MAX_RECORDS_READ) {
      const page = found.slice(from, from + MAX_RECORDS_READ)
      const keys = page.map(({ eventId }) => this.#keys.delivery(jobIdOfEvent(eventId)))
      texts.push(...(await this.#redis.mget<(string | null)[]>(...keys)))
    }
    return found.flatMap(({ eventId, sinceMs }, i) => {
      const text = texts[i]
      const delivery = typeof text === "string" ? decodeDelivery(text) : null
      const event = delivery?.events.find(({ id }) => id === eventId)
      // One whose record has expired is only a name.
      return delivery === null || event === undefined ? [] : [{ eventId, sinceMs, delivery, event }]
    })
  }

  countUndelivered(): Promise<number> {
    return this.#redis.zcard(this.#keys.undelivered)
  }

  /** Removes an undelivered event, or ends its retries. Its record stays until it expires. False if it is neither, or being sent. */
  async dropUndelivered(eventId: string): Promise<boolean> {
    return this.#run(DROP_UNDELIVERED, [eventId], yesOrNo)
  }

  #run<T>(script: Script, args: readonly (string | number)[], reply: z.ZodType<T>): Promise<T> {
    return runScript(this.#redis, script, { keys: [this.#keys.prefix], args, reply })
  }
}

/** "msg_<job id>_<instant>": the id of an event leads to its record. Empty for what is no such id. */
export function jobIdOfEvent(eventId: string): string {
  return eventId.match(/^msg_(.+)_\d+$/)?.[1] ?? ""
}
