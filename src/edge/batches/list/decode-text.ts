import { AppError } from "../../../lib/app-error.ts"

const MARKS = [
  { encoding: "utf-8", bytes: [0xef, 0xbb, 0xbf] },
  { encoding: "utf-16le", bytes: [0xff, 0xfe] },
  { encoding: "utf-16be", bytes: [0xfe, 0xff] },
] as const
const LONGEST_MARK = 3

export type DecodedText = { encoding: string; hasMark: boolean; pieces: AsyncGenerator<string> }

/**
 * Decodes a list as it streams: by its byte order mark, else by the charset of its content type, else as UTF-8.
 * @throws AppError invalid_list for bytes that are no text in that encoding
 */
export async function decodeText(body: AsyncIterator<Uint8Array>, charset: string | undefined): Promise<DecodedText> {
  const head = await readHead(body)
  const mark = MARKS.find(({ bytes }) => bytes.every((byte, i) => head[i] === byte))
  const encoding = mark?.encoding ?? charset ?? "utf-8"
  const decoder = newDecoder(encoding)
  return { encoding, hasMark: mark !== undefined, pieces: decodePieces(decoder, head, body) }
}

async function readHead(body: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
  let head = new Uint8Array()
  while (head.length < LONGEST_MARK) {
    const { done, value } = await body.next()
    if (done) break
    const longer = new Uint8Array(head.length + value.length)
    longer.set(head)
    longer.set(value, head.length)
    head = longer
  }
  return head
}

async function* decodePieces(decoder: TextDecoder, head: Uint8Array, body: AsyncIterator<Uint8Array>) {
  yield decode(decoder, head)
  for (let next = await body.next(); !next.done; next = await body.next()) yield decode(decoder, next.value)
  yield decode(decoder)
}

function decode(decoder: TextDecoder, bytes?: Uint8Array): string {
  let text: string
  try {
    text = bytes === undefined ? decoder.decode() : decoder.decode(bytes as Uint8Array<ArrayBuffer>, { stream: true })
  } catch (cause) {
    const advice = "save it as UTF-8, or say `charset` in the Content-Type"
    throw new AppError("invalid_list", `Cannot read the list: it is not ${decoder.encoding} text; ${advice}`, { cause })
  }
  if (text.includes("\0")) {
    const advice = "UTF-16 needs its byte order mark"
    throw new AppError("invalid_list", `Cannot read the list: it holds NUL characters; ${advice}`)
  }
  return text
}

function newDecoder(encoding: string): TextDecoder {
  try {
    // Without `ignoreBOM` the decoder drops the mark.
    return new TextDecoder(encoding, { fatal: true })
  } catch (cause) {
    const name = JSON.stringify(encoding.slice(0, 40))
    throw new AppError("invalid_list", `Cannot read the list: the charset ${name} is not known here`, { cause })
  }
}
