import { Claimcheck, ClaimcheckError } from "../../lib/client/claimcheck.ts"
import type { Access } from "./access.ts"

/** State of the connection: `null` while the server responds, else the sentence to show. */
export type Trouble = "unreachable" | "busy" | null

export type UseOptions = { retries?: number; onKeyWait?: (waits: boolean) => void }

/** The edge that this page came from. */
export class Edge {
  readonly #access: Access
  readonly #onTrouble: (trouble: Trouble) => void

  constructor(access: Access, onTrouble: (trouble: Trouble) => void) {
    this.#access = access
    this.#onTrouble = onTrouble
  }

  /**
   * Calls with a client that has the API key; after a 401, waits for another key and repeats.
   * @param retries 0 for a look that is repeated anyway: that the server is away has to be seen at once
   * @param onKeyWait told when it begins to wait for a key, and when it has one
   */
  async use<T>(work: (client: Claimcheck) => Promise<T>, { onKeyWait, ...options }: UseOptions = {}): Promise<T> {
    for (;;) {
      const { key } = this.#access
      try {
        return await work(new Claimcheck({ url: "", key, fetch: this.#fetch, ...options }))
      } catch (error) {
        // A TypeError means that the key is not valid in a header.
        const isRefused = error instanceof ClaimcheckError ? error.status === 401 : error instanceof TypeError
        if (!isRefused) throw error
        onKeyWait?.(true)
        await this.#access.replace(key)
        onKeyWait?.(false)
      }
    }
  }

  /** The client silently retries for minutes; the page shows the outage at once. */
  readonly #fetch: typeof fetch = async (input, init) => {
    try {
      const response = await fetch(input, { cache: "no-store", ...init })
      this.#onTrouble(response.status === 429 || response.status >= 500 ? "busy" : null)
      return response
    } catch (error) {
      if (init?.signal?.aborted !== true) this.#onTrouble("unreachable")
      throw error
    }
  }
}
