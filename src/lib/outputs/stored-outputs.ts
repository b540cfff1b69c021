import * as z from "zod"
import { AppError, isOutage } from "../app-error.ts"
import { CALLER_SHARE, type QueueEnv } from "../queue/queue-config.ts"
import type { Keys } from "../redis/keys.ts"
import type { Redis } from "../redis/redis.ts"
import { runScript } from "../redis/run-script.ts"
import { RESERVE_BYTES, RETURN_BYTES } from "../redis/scripts.ts"
import { createSealer, type Sealer } from "../redis/sealed-bytes.ts"

const HOUR_MS = 3_600_000
const NEW_LINE = 10
/** In a row, while Redis answers: with the pauses of who repeats it, some seconds. */
const MAX_REFUSALS = 8

const outputMetaSchema = z.object({ caller: z.string(), contentType: z.string(), sha256: z.string() })
export type StoredOutput = z.infer<typeof outputMetaSchema> & { bytes: Uint8Array }

export type OutputLimits = {
  /** Of one output. Upstash takes requests of 10 MB. */
  maxBytes: number
  /** Of all outputs that lie in Redis; one caller's are at most half of them. */
  maxAllBytes: number
  ttlMs: number
}

/** Outputs outlive their results, whose life begins a little later. */
export function outputLimits(env: QueueEnv): OutputLimits {
  return {
    maxBytes: env.MAX_OUTPUT_BYTES,
    maxAllBytes: env.MAX_ALL_OUTPUT_BYTES,
    ttlMs: env.RESULT_TTL_S * 1_000 + env.LEASE_MS + env.JOB_TIMEOUT_MS,
  }
}

export type PutOptions = {
  nowMs: number
  /** Where its result is kept for longer than results are. */
  keepUntilMs?: number | undefined
}

/** The room of an output that is not stored yet. */
type Reservation = { caller: string; expiryHour: number; bytes: number; refusals: number }

/** Outputs that lie in Redis, for the edge to hand out: one key each, which is a line of JSON and then the bytes. */
export class StoredOutputs {
  readonly #redis: Redis
  readonly #keys: Keys
  readonly #limits: OutputLimits
  readonly #sealer: Sealer
  /** By job: a repeated put must not take its room twice. */
  readonly #reserved = new Map<string, Reservation>()

  /** @param sealer of the outputs; without one they lie open in Redis */
  constructor(redis: Redis, keys: Keys, limits: OutputLimits, sealer: Sealer = createSealer([])) {
    this.#redis = redis
    this.#keys = keys
    this.#limits = limits
    this.#sealer = sealer
  }

  /**
   * Stores what the job has made, over what an earlier attempt has left.
   * @throws AppError output_too_large, outputs_full, caller_bytes_full, output_not_stored; redis_unavailable, after which it may be repeated
   */
  async put(jobId: string, { bytes, ...meta }: StoredOutput, { nowMs, keepUntilMs = 0 }: PutOptions): Promise<void> {
    const { maxBytes } = this.#limits
    const ttlMs = Math.max(this.#limits.ttlMs, Math.ceil(keepUntilMs - nowMs))
    if (bytes.byteLength > maxBytes) {
      const message = `Cannot keep the output: ${bytes.byteLength} bytes exceeds ${maxBytes}, and no bucket is configured`
      throw new AppError("output_too_large", message)
    }
    const head = new TextEncoder().encode(`${JSON.stringify(meta)}\n`)
    const open = new Uint8Array(head.length + bytes.length)
    open.set(head)
    open.set(bytes, head.length)
    const record = await this.#sealer.seal(open, sealName(jobId))
    const reservation = await this.#reserve(jobId, { caller: meta.caller, nowMs, ttlMs, bytes: record.length })
    try {
      await this.#redis.setBytes(this.#keys.output(jobId), record, ttlMs)
    } catch (error) {
      await this.#throwIfWorthRepeating(reservation, error)
      await this.#giveBack(jobId, reservation)
      if (error instanceof AppError && error.code === "redis_full")
        throw new AppError("outputs_full", "Cannot keep the output: Redis is full", { cause: error })
      throw new AppError("output_not_stored", "Cannot keep the output: Redis refuses its bytes", { cause: error })
    }
    this.#reserved.delete(jobId)
  }

  /** What the job has made, or null when there is nothing (any more). @throws AppError redis_unavailable, payload_unreadable */
  async read(jobId: string): Promise<StoredOutput | null> {
    const record = await this.#redis.getBytes(this.#keys.output(jobId))
    if (record === null) return null
    const open = await this.#sealer.open(record, sealName(jobId))
    const end = open.indexOf(NEW_LINE)
    const meta = outputMetaSchema.parse(JSON.parse(new TextDecoder().decode(open.subarray(0, end))))
    return { ...meta, bytes: open.subarray(end + 1) }
  }

  async #reserve(
    jobId: string,
    { caller, nowMs, ttlMs, bytes }: { caller: string; nowMs: number; ttlMs: number; bytes: number },
  ) {
    const { maxAllBytes } = this.#limits
    const maxBytesOfCaller = maxAllBytes * CALLER_SHARE
    const [hour, expiryHour] = [hourOf(nowMs), hourOf(nowMs + ttlMs)]
    const known = this.#reserved.get(jobId)
    if (known?.expiryHour === expiryHour && known.bytes === bytes) return known
    const args = [hour, expiryHour, bytes, maxAllBytes, maxBytesOfCaller]
    const reply = z.literal([1, 0, -1])
    const room = await runScript(this.#redis, RESERVE_BYTES, { keys: this.#ledgers(caller), args, reply })
    if (room !== 1) {
      this.#reserved.delete(jobId)
      if (room === -1) {
        const message = `Cannot keep the output: those of one caller would exceed ${maxBytesOfCaller} bytes`
        throw new AppError("caller_bytes_full", message)
      }
      const message = `Cannot keep the output: all outputs together would exceed ${maxAllBytes} bytes`
      throw new AppError("outputs_full", message)
    }
    const reservation: Reservation = { caller, expiryHour, bytes, refusals: 0 }
    this.#reserved.set(jobId, reservation)
    return reservation
  }

  /** Throws while the bytes may be sent again: in an outage without end, and some times where Redis answers. */
  async #throwIfWorthRepeating(reservation: Reservation, error: unknown): Promise<void> {
    if (!isOutage(error)) return
    try {
      await this.#redis.ping()
    } catch (outage) {
      reservation.refusals = 0
      throw outage
    }
    reservation.refusals++
    if (reservation.refusals < MAX_REFUSALS) throw error
  }

  #ledgers(caller: string): string[] {
    return [this.#keys.outputBytes, this.#keys.outputBytesOf(caller)]
  }

  async #giveBack(jobId: string, { caller, expiryHour, bytes }: Reservation): Promise<void> {
    // Forgotten first: if the reply is lost, giving back twice would make room that is not there.
    this.#reserved.delete(jobId)
    const args = [expiryHour, bytes]
    await runScript(this.#redis, RETURN_BYTES, { keys: this.#ledgers(caller), args, reply: z.literal(1) })
  }
}

const hourOf = (ms: number) => Math.floor(ms / HOUR_MS)
const sealName = (jobId: string) => `output:${jobId}`
