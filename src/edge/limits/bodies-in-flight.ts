import { AppError } from "../../lib/app-error.ts"
import { prefix48Of } from "../../lib/callers/caller-id.ts"
import type { EdgeConfig } from "../config.ts"
import { type Clock, RequestBody } from "../http/request-body.ts"

export type BodyLimits = Pick<
  EdgeConfig,
  "MAX_BYTES_IN_FLIGHT" | "MAX_BYTES_IN_FLIGHT_PER_CALLER" | "MIN_BODY_BYTES_PER_S" | "BODY_TIMEOUT_MS"
>

/** Above half of all, a body has to come so much faster: one that holds memory then keeps others out. */
const MIN_RATE_FACTOR = 20

/** Bounds the bodies in progress of this process, of each caller, and of each /48 (half of all). A single body is always accepted. */
export class BodiesInFlight {
  readonly #limits: BodyLimits
  readonly #clock: Clock
  readonly #byCaller = new Map<string, number>()
  readonly #byPrefix48 = new Map<string, number>()
  #bytes = 0

  constructor(limits: BodyLimits, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
  }

  /** What is held now. */
  get bytes(): number {
    return this.#bytes
  }

  /**
   * Lends the body of a request to `use`; what was held of it is given back when that ends.
   * @throws AppError, from the body's read() and hold(): body_too_slow, bad_request, bodies_full, caller_bodies_full
   */
  async receive<T>(request: Request, caller: string, use: (body: RequestBody) => Promise<T>): Promise<T> {
    let held = 0
    const hold = (bytes: number) => {
      this.#take(caller, { bytes, isAlone: held === this.#bytes })
      held += bytes
    }
    try {
      const minBytesPerS = () => this.#limits.MIN_BODY_BYTES_PER_S * (this.#isHalfFull ? MIN_RATE_FACTOR : 1)
      return await use(new RequestBody(request, { ...this.#limits, ...this.#clock, minBytesPerS, hold }))
    } finally {
      this.#giveBack(caller, held)
    }
  }

  get #isHalfFull(): boolean {
    return this.#bytes > this.#limits.MAX_BYTES_IN_FLIGHT / 2
  }

  #take(caller: string, { bytes, isAlone }: { bytes: number; isAlone: boolean }): void {
    const { MAX_BYTES_IN_FLIGHT: maxBytes, MAX_BYTES_IN_FLIGHT_PER_CALLER: maxOfCaller } = this.#limits
    const ofCaller = (this.#byCaller.get(caller) ?? 0) + bytes
    if (!isAlone && ofCaller > maxOfCaller) {
      const message = `Cannot accept the body: those that you send at once would exceed ${maxOfCaller} bytes`
      throw new AppError("caller_bodies_full", message)
    }
    const prefix48 = prefix48Of(caller)
    const ofPrefix48 = (prefix48 === null ? 0 : (this.#byPrefix48.get(prefix48) ?? 0)) + bytes
    if (!isAlone && prefix48 !== null && ofPrefix48 > maxBytes / 2) {
      const message = `Cannot accept the body: those that your network sends at once would exceed ${maxBytes / 2} bytes`
      throw new AppError("caller_bodies_full", message)
    }
    if (!isAlone && this.#bytes + bytes > maxBytes) {
      const message = `Cannot accept the body: all that are being received would exceed ${maxBytes} bytes`
      throw new AppError("bodies_full", message)
    }
    this.#bytes += bytes
    this.#byCaller.set(caller, ofCaller)
    if (prefix48 !== null) this.#byPrefix48.set(prefix48, ofPrefix48)
  }

  #giveBack(caller: string, bytes: number): void {
    if (bytes === 0) return
    this.#bytes -= bytes
    subtract(this.#byCaller, caller, bytes)
    const prefix48 = prefix48Of(caller)
    if (prefix48 !== null) subtract(this.#byPrefix48, prefix48, bytes)
  }
}

function subtract(held: Map<string, number>, id: string, bytes: number): void {
  const left = (held.get(id) ?? 0) - bytes
  if (left > 0) held.set(id, left)
  else held.delete(id)
}
