export type ListFormat = "csv" | "tsv" | "json" | "jsonl"

const BY_TYPE: [RegExp, ListFormat][] = [
  [/^text\/tab-separated-values\b/, "tsv"],
  [/^text\/(csv|comma-separated-values)\b/, "csv"],
  [/^application\/(x-)?(jsonl|ndjson|jsonlines|json-lines|json-seq)\b/, "jsonl"],
  [/^application\/(.*\+)?json\b/, "json"],
]

/** What a list says that it is; undefined when it does not. */
export function formatOfType(contentType: string): ListFormat | undefined {
  return BY_TYPE.find(([pattern]) => pattern.test(contentType.trim().toLowerCase()))?.[1]
}

export function charsetOfType(contentType: string): string | undefined {
  return /;\s*charset\s*=\s*"?([^\s";]+)/i.exec(contentType)?.[1]
}

/** What a list looks like, by how it begins. */
export function guessFormat(start: string): ListFormat {
  const first = start.trimStart()[0]
  if (first === "[") return "json"
  if (first === "{") return "jsonl"
  return "csv"
}

/** What divides the cells: tabs, commas or semicolons, whichever the first line has most of outside of quotes. */
export function guessDelimiter(start: string): string {
  const firstLine = /^(?:"[^"]*"|[^"\r\n])*/.exec(start.trimStart())?.[0] ?? ""
  const outside = firstLine.replace(/"[^"]*"?/g, "")
  const countOf = (delimiter: string) => outside.split(delimiter).length - 1
  return [",", "\t", ";"].reduce((best, next) => (countOf(next) > countOf(best) ? next : best))
}
