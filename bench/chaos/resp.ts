/** Where the first command or reply in the bytes ends (RESP2), or null while some of it is missing. */
export function pieceEnd(bytes: Buffer, at = 0): number | null {
  const lineEnd = bytes.indexOf("\r\n", at)
  if (lineEnd === -1) return null
  const afterLine = lineEnd + 2
  const count = Number(bytes.toString("latin1", at + 1, lineEnd))
  switch (String.fromCharCode(bytes[at] ?? 0)) {
    case "$": {
      const end = count < 0 ? afterLine : afterLine + count + 2
      return end <= bytes.length ? end : null
    }
    case "*": {
      let end: number | null = afterLine
      for (let i = 0; i < count && end !== null; i++) end = pieceEnd(bytes, end)
      return end
    }
    default:
      return afterLine
  }
}

/** The strings of an array of them. */
export function stringsOf(bytes: Buffer): string[] {
  const strings: string[] = []
  for (let at = bytes.indexOf("$"); at !== -1 && at < bytes.length; ) {
    const lineEnd = bytes.indexOf("\r\n", at)
    const length = Number(bytes.toString("latin1", at + 1, lineEnd))
    strings.push(bytes.toString("latin1", lineEnd + 2, lineEnd + 2 + length))
    at = lineEnd + 2 + length + 2
  }
  return strings
}
