const WINDOWS = "; charset=windows-1252"

/** The content type of a list; bytes that are no UTF-8 are what spreadsheets of Windows write. */
export async function withCharset(contentType: string, file: Blob): Promise<string> {
  const type = contentType.replace(WINDOWS, "")
  const decoder = new TextDecoder("utf-8", { fatal: true })
  const reader = file.stream().getReader()
  // UTF-16 has a byte order mark, which the server reads.
  let isUtf16: boolean | undefined
  for (;;) {
    const { done, value } = await reader.read()
    isUtf16 ??= value !== undefined && [0xfeff, 0xfffe].includes(((value[0] ?? 0) << 8) | (value[1] ?? 0))
    try {
      if (!isUtf16) decoder.decode(value, { stream: !done })
    } catch {
      return type + WINDOWS // That it is no UTF-8 is what this asks.
    }
    if (done || isUtf16) return type
  }
}

/** Whether `withCharset` found no UTF-8. */
export const isWindowsText = (contentType: string): boolean => contentType.endsWith(WINDOWS)
