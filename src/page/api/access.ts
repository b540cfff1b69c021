const STORAGE_KEY = "claimcheck-api-key"

/** The user's API key: requested on a 401, and kept for this tab, or longer if the user agrees. */
export class Access {
  #key: string | undefined = readKept()
  #waiting: (() => void)[] = []
  readonly #onChange: () => void

  /** @param onChange the key was refused, given or forgotten */
  constructor(onChange: () => void) {
    this.#onChange = onChange
  }

  get key(): string | undefined {
    return this.#key
  }

  /** Whether a request waits for a key. */
  get isAsked(): boolean {
    return this.#waiting.length > 0
  }

  /** Resolves when the user has entered another key than `refused`. */
  async replace(refused: string | undefined): Promise<void> {
    if (this.#key !== refused) return
    const given = new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#onChange()
    await given
  }

  /** Empty to go without one. */
  give(key: string, { keep }: { keep: boolean }): void {
    this.#key = key === "" ? undefined : key
    store(() => {
      sessionStorage.removeItem(STORAGE_KEY)
      localStorage.removeItem(STORAGE_KEY)
      if (key !== "") (keep ? localStorage : sessionStorage).setItem(STORAGE_KEY, key)
    })
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
    this.#onChange()
  }
}

function readKept(): string | undefined {
  return store(() => sessionStorage.getItem(STORAGE_KEY) ?? localStorage.getItem(STORAGE_KEY)) ?? undefined
}

/** Storage access throws when the browser blocks it; then nothing is stored. */
export function store<T>(use: () => T): T | undefined {
  try {
    return use()
  } catch {
    return undefined // The page works without storage.
  }
}
