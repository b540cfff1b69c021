/** "$", the digits of a length, CRLF. */
const MAX_LINE_BYTES = 16

/**
 * A RESP2 bulk string, "$<length>\r\n<bytes>\r\n", as it comes in; null for "$-1\r\n", the answer for a key that is not there
 * (https://redis.io/docs/latest/develop/reference/protocol-spec/). Its bytes have a buffer to themselves, which can be handed on
 * without a copy.
 * @throws Error for anything else, or when it breaks off
 */
export async function readBulkString(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array<ArrayBuffer> | null> {
  let head: Uint8Array = new Uint8Array()
  let bytes: Uint8Array<ArrayBuffer> | null | undefined
  let length = 0
  // To its end, whatever it is: a connection that is left half read cannot be used again.
  for await (const piece of pieces) {
    let data = piece
    if (bytes === undefined) {
      head = join(head, piece)
      const lineEnd = head.indexOf(10)
      if (lineEnd === -1 && head.length <= MAX_LINE_BYTES) continue
      bytes = bufferFor(new TextDecoder().decode(head.subarray(0, Math.max(0, lineEnd - 1))))
      data = head.subarray(lineEnd + 1)
    }
    if (bytes === null) continue
    const part = data.subarray(0, bytes.length - length)
    bytes.set(part, length)
    length += part.length
  }
  if (bytes === undefined || length < (bytes?.length ?? 0)) throw new Error("The reply broke off")
  return bytes
}

function bufferFor(line: string): Uint8Array<ArrayBuffer> | null {
  if (line === "$-1" || line === "*-1") return null
  if (!/^\$\d{1,10}$/.test(line)) throw new Error("The reply is not a RESP2 bulk string")
  return new Uint8Array(Number(line.slice(1)))
}

function join(first: Uint8Array, second: Uint8Array): Uint8Array {
  if (first.length === 0) return second
  const both = new Uint8Array(first.length + second.length)
  both.set(first)
  both.set(second, first.length)
  return both
}
