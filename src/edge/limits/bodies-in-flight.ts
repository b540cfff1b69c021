import { AppError } from "../../lib/app-error.ts"
import type { EdgeConfig } from "../config.ts"
import { type Clock, RequestBody } from "../http/request-body.ts"

export type BodyLimits = Pick<
  EdgeConfig,
  "MAX_BYTES_IN_FLIGHT" | "MAX_BYTES_IN_FLIGHT_PER_CALLER" | "MIN_BODY_BYTES_PER_S" | "BODY_TIMEOUT_MS"
>

/**
 * Bounds what the bodies of all requests in progress hold in this process, and those of one caller. A body that comes alone is
 * always let in: it has a limit of its own.
 */
export class BodiesInFlight {
  readonly #limits: BodyLimits
  readonly #clock: Clock
  readonly #byCaller = new Map<string, number>()
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
      return await use(new RequestBody(request, { ...this.#limits, ...this.#clock, hold }))
    } finally {
      this.#giveBack(caller, held)
    }
  }

  #take(caller: string, { bytes, isAlone }: { bytes: number; isAlone: boolean }): void {
    const { MAX_BYTES_IN_FLIGHT: maxBytes, MAX_BYTES_IN_FLIGHT_PER_CALLER: maxOfCaller } = this.#limits
    const ofCaller = (this.#byCaller.get(caller) ?? 0) + bytes
    if (!isAlone && ofCaller > maxOfCaller) {
      const message = `Cannot accept the body: those that you send at once would exceed ${maxOfCaller} bytes`
      throw new AppError("caller_bodies_full", message)
    }
    if (!isAlone && this.#bytes + bytes > maxBytes) {
      const message = `Cannot accept the body: all that are being received would exceed ${maxBytes} bytes`
      throw new AppError("bodies_full", message)
    }
    this.#bytes += bytes
    this.#byCaller.set(caller, ofCaller)
  }

  #giveBack(caller: string, bytes: number): void {
    if (bytes === 0) return
    this.#bytes -= bytes
    const left = (this.#byCaller.get(caller) ?? 0) - bytes
    if (left > 0) this.#byCaller.set(caller, left)
    else this.#byCaller.delete(caller)
  }
}
