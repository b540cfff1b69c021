import { createHash } from "node:crypto"
import { readdir, readFile } from "node:fs/promises"
import { basename, join } from "node:path"
import { ModelError } from "./model-error.ts"

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "it is not there",
  ENOTDIR: "it is a file; a model is a folder",
  ARCHIVE: "it is an archive: unpack it into a folder of its own",
  EACCES: "it may not be read; check its permissions",
}

export const isArchive = (path: string) => /\.(zip|tgz|tar|tar\.gz|7z|rar)$/i.test(basename(path))

/** A model's folder, each file read once. What was read with use() makes the version. */
export class FolderReader {
  /** The files right in the folder, by name. */
  readonly names: readonly string[]
  readonly subfolders: readonly string[]
  readonly #folder: string
  readonly #used = new Map<string, Uint8Array>()

  static async open(folder: string): Promise<FolderReader> {
    try {
      const entries = await readdir(folder, { withFileTypes: true })
      const visible = entries.filter(({ name }) => !name.startsWith(".")).sort((a, b) => (a.name < b.name ? -1 : 1))
      const [folders, files] = [true, false].map((kind) => visible.filter((entry) => entry.isDirectory() === kind))
      return new FolderReader(folder, {
        names: (files ?? []).map(({ name }) => name),
        subfolders: (folders ?? []).map(({ name }) => name),
      })
    } catch (cause) {
      const { code: found = "unknown" } = cause as NodeJS.ErrnoException
      const code = found === "ENOTDIR" && isArchive(folder) ? "ARCHIVE" : found
      throw new ModelError("no_model", `Cannot read the folder ${folder}: ${REASONS[code] ?? code}`, { cause })
    }
  }

  private constructor(folder: string, { names, subfolders }: { names: string[]; subfolders: string[] }) {
    this.#folder = folder
    this.names = names
    this.subfolders = subfolders
  }

  get folder(): string {
    return this.#folder
  }

  /** Every file that the model serves from, by its path in the folder. */
  get used(): ReadonlyMap<string, Uint8Array> {
    return this.#used
  }

  has(name: string): boolean {
    return this.nameOf(name) !== undefined
  }

  /** How a file right in the folder spells its name: people and systems change `model.json` to `Model.JSON`. */
  nameOf(name: string): string | undefined {
    if (this.names.includes(name)) return name
    const alike = this.names.filter((candidate) => candidate.toLowerCase() === name.toLowerCase())
    return alike.length === 1 ? alike[0] : undefined
  }

  /** Only to look: the file does not count for the version. */
  async peek(path: string): Promise<Uint8Array | null> {
    const known = this.#used.get(path)
    if (known) return known
    try {
      return await readFile(join(this.#folder, this.nameOf(path) ?? path))
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") return null
      throw new ModelError("missing_file", `Cannot read ${path}`, { cause: error })
    }
  }

  async use(path: string): Promise<Uint8Array | null> {
    const bytes = await this.peek(path)
    if (bytes !== null) this.#used.set(path, bytes)
    return bytes
  }

  async useText(path: string): Promise<string | null> {
    const bytes = await this.use(path)
    return bytes === null ? null : new TextDecoder().decode(bytes)
  }

  /** First 12 hex digits of a hash over all files used. */
  version(): string {
    const hash = createHash("sha256")
    // Names and lengths go in too: no two sets of files may read as the same bytes.
    for (const [name, bytes] of [...this.#used].sort(([a], [b]) => (a < b ? -1 : 1))) {
      hash.update(`${name}\0${bytes.byteLength}\0`).update(bytes)
    }
    return hash.digest("hex").slice(0, 12)
  }
}
