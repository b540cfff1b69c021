const STORAGE_KEY = "claimcheck-api-key"

/** The API key of whoever sits here: asked for where the server wants one, kept for this tab, or longer if they say so. */
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

  /** Whether somebody waits for a key. */
  get isAsked(): boolean {
    return this.#waiting.length > 0
  }

  /** After the server has refused `refused`: resolves when there is another one to try. */
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

/** A browser that is told to keep nothing throws; then nothing is kept. */
export function store<T>(use: () => T): T | undefined {
  try {
    return use()
  } catch {
    return undefined // the page works without what would have been kept
  }
}
