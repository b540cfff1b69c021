import { AppError } from "../../lib/app-error.ts"

/** Headers of a part, or a field that is an option. */
const MAX_SMALL_BYTES = 16_384
/** More than there are options. */
export const MAX_FORM_FIELDS = 64
const CRLF2 = new TextEncoder().encode("\r\n\r\n")

/** The boundary of a form; empty if its content type has none. */
export function boundaryOf(contentType: string): string {
  const boundary = /;\s*boundary\s*=\s*(?:"([^"]+)"|([^\s;]+))/i.exec(contentType)
  return boundary?.[1] ?? boundary?.[2] ?? ""
}

/** The first file of a form as it streams (RFC 7578): the platforms' own `formData()` would hold all of it. */
export class FilePart implements AsyncIterator<Uint8Array> {
  readonly #body: AsyncIterator<Uint8Array, undefined>
  readonly #delimiter: Uint8Array
  #buffer = new Uint8Array()
  #isOver = false
  /** What the form says that the file is; empty when it says nothing useful. */
  contentType = ""

  constructor(body: AsyncIterator<Uint8Array, undefined>, boundary: string) {
    this.#body = body
    this.#delimiter = new TextEncoder().encode(`\r\n--${boundary}`)
  }

  /** Reads up to the file. Returns the fields before it. @throws AppError bad_request when there is none */
  async open(): Promise<[string, string][]> {
    const fields: [string, string][] = []
    // The first boundary has no line before it.
    this.#buffer = new Uint8Array([13, 10])
    await this.#skipPast(this.#delimiter)
    for (let count = 0; count <= MAX_FORM_FIELDS; count++) {
      const headers = new TextDecoder().decode(await this.#skipPast(CRLF2))
      // "--" after a boundary is the end of the form.
      if (headers.startsWith("--")) throw malformed("has no file")
      const name = /\bname="([^"]*)"/i.exec(headers)?.[1] ?? ""
      if (/\bfilename\*?=/i.test(headers)) {
        this.contentType = /^content-type:\s*(.*)$/im.exec(headers)?.[1]?.trim() ?? ""
        return fields
      }
      fields.push([name, new TextDecoder().decode(await this.#skipPast(this.#delimiter))])
    }
    throw malformed(`has more than ${MAX_FORM_FIELDS} fields before its file`)
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#isOver) {
      await this.#refuseFields()
      return { done: true, value: undefined }
    }
    for (;;) {
      const end = indexOf(this.#buffer, this.#delimiter)
      if (end !== -1) {
        this.#isOver = true
        const value = this.#buffer.subarray(0, end)
        this.#buffer = this.#buffer.subarray(end + this.#delimiter.length)
        return { done: false, value }
      }
      // The end of the buffer may be the beginning of the boundary.
      const sure = this.#buffer.length - this.#delimiter.length
      if (sure > 0) {
        const value = this.#buffer.subarray(0, sure)
        this.#buffer = this.#buffer.subarray(sure)
        return { done: false, value }
      }
      await this.#fill()
    }
  }

  /** The list was read by the options before it: those that come behind it would be forgotten in silence. */
  async #refuseFields(): Promise<void> {
    while (this.#buffer.length < 2) if (!(await this.#read())) return
    if (new TextDecoder().decode(this.#buffer.subarray(0, 2)) === "--") return
    throw malformed("has a field behind its file: put options before the file, or into the query")
  }

  /** The bytes before the boundary; continues after it. */
  async #skipPast(mark: Uint8Array): Promise<Uint8Array> {
    for (;;) {
      const end = indexOf(this.#buffer, mark)
      if (end !== -1) {
        const before = this.#buffer.subarray(0, end)
        this.#buffer = this.#buffer.subarray(end + mark.length)
        return before
      }
      if (this.#buffer.length > MAX_SMALL_BYTES) throw malformed("has a field that is too long, or a wrong boundary")
      await this.#fill()
    }
  }

  async #fill(): Promise<void> {
    if (!(await this.#read())) throw malformed("ends before its file does")
  }

  /** False when there is no more. */
  async #read(): Promise<boolean> {
    const { done, value } = await this.#body.next()
    if (done) return false
    const longer = new Uint8Array(this.#buffer.length + value.length)
    longer.set(this.#buffer)
    longer.set(value, this.#buffer.length)
    this.#buffer = longer
    return true
  }
}

const malformed = (what: string) => new AppError("bad_request", `Cannot read the form: it ${what}`)

function indexOf(bytes: Uint8Array, mark: Uint8Array): number {
  const first = mark[0] as number
  for (let at = bytes.indexOf(first); at !== -1; at = bytes.indexOf(first, at + 1)) {
    if (at + mark.length > bytes.length) return -1
    let i = 1
    while (i < mark.length && bytes[at + i] === mark[i]) i++
    if (i === mark.length) return at
  }
  return -1
}
