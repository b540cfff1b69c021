/** The files of a drop or a paste; those in dropped folders, too. */
export async function filesOf(data: DataTransfer): Promise<File[]> {
  // Entries are gone once the event is over, so they are taken before anything is waited for.
  const entries = [...data.items].map((item) => (item.kind === "file" ? item.webkitGetAsEntry() : null))
  const files = [...data.files]
  if (!entries.some((entry) => entry?.isDirectory)) return files
  return (await Promise.all(entries.filter((entry) => entry !== null).map(filesIn))).flat()
}

/** System files in dropped folders, which are ignored. */
const OF_THE_SYSTEM = /^(\.|Thumbs\.db$|desktop\.ini$)/i

async function filesIn(entry: FileSystemEntry): Promise<File[]> {
  if (entry.isFile) return [await new Promise<File>((...done) => (entry as FileSystemFileEntry).file(...done))]
  const reader = (entry as FileSystemDirectoryEntry).createReader()
  const found: File[] = []
  for (;;) {
    // A hundred at a time, and none at the end.
    const some = await new Promise<FileSystemEntry[]>((...done) => reader.readEntries(...done))
    if (some.length === 0) return found
    const ours = some.filter(({ name }) => !OF_THE_SYSTEM.test(name))
    found.push(...(await Promise.all(ours.map(filesIn))).flat())
  }
}

const LIST_TYPES = new Map([
  ["csv", "text/csv"],
  ["tsv", "text/tab-separated-values"],
  ["jsonl", "application/jsonl"],
  ["ndjson", "application/jsonl"],
  ["json", "application/json"],
])

/** What kind of list a file is, by its name: systems tell its type in many ways. Undefined when it is none. */
export function listTypeOf({ name }: File): string | undefined {
  return LIST_TYPES.get(/\.(\w+)$/.exec(name)?.[1]?.toLowerCase() ?? "")
}

const PICTURE_NAME = /\.(jpe?g|png|webp|gif|avif|tiff?|bmp|heic|jfif)$/i

/** Whether to upload the file; the server decides by its bytes. */
export function looksLikePicture({ type, name }: File): boolean {
  return type.startsWith("image/") || (type === "" && PICTURE_NAME.test(name))
}
