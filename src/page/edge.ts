import { Claimcheck, ClaimcheckError } from "../lib/client/claimcheck.ts"
import type { Access } from "./access.ts"

const IN_A_HEADER = /^[\x21-\x7e]+$/

/** Whether the server is there: `null` while it answers, else what to tell. */
export type Trouble = "unreachable" | "busy" | null

/** The edge that this page came from. */
export class Edge {
  readonly #access: Access
  readonly #onTrouble: (trouble: Trouble) => void

  constructor(access: Access, onTrouble: (trouble: Trouble) => void) {
    this.#access = access
    this.#onTrouble = onTrouble
  }

  /** Works with a client that has the API key; where the server wants another one, waits for it and begins again. */
  async use<T>(work: (client: Claimcheck) => Promise<T>): Promise<T> {
    for (;;) {
      const { key } = this.#access
      try {
        return await work(new Claimcheck({ url: "", key, fetch: this.#fetch }))
      } catch (error) {
        // A TypeError is a key that no header can carry.
        const isRefused = error instanceof ClaimcheckError ? error.status === 401 : error instanceof TypeError
        if (!isRefused) throw error
        await this.#access.replace(key)
      }
    }
  }

  /** Asks once. @throws for anything but an answer */
  async get<T>(path: string, signal?: AbortSignal): Promise<T> {
    const response = await this.send(path, { headers: { accept: "application/json" }, ...(signal && { signal }) })
    if (!response.ok) throw new Error(`${path} answered ${response.status}`)
    return (await response.json()) as T
  }

  /** Sends once; where the server wants another API key, waits for it and sends again. @throws TypeError for no answer */
  async send(path: string, init: RequestInit): Promise<Response> {
    for (;;) {
      const { key } = this.#access
      const headers = new Headers(init.headers)
      if (key === undefined || IN_A_HEADER.test(key)) {
        if (key !== undefined) headers.set("authorization", `Bearer ${key}`)
        const response = await this.#fetch(path, { ...init, headers })
        if (response.status !== 401) return response
      }
      await this.#access.replace(key)
    }
  }

  /** The client rides out an outage of minutes in silence; whoever looks at the page should know of it at once. */
  readonly #fetch: typeof fetch = async (input, init) => {
    try {
      const response = await fetch(input, init)
      this.#onTrouble(response.status === 429 || response.status >= 500 ? "busy" : null)
      return response
    } catch (error) {
      if (init?.signal?.aborted !== true) this.#onTrouble("unreachable")
      throw error
    }
  }
}
