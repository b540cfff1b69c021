import { AppError } from "../../../lib/app-error.ts"
import type { ListLimits } from "./list-limits.ts"

/** One record of a list in JSON: as it was sent, as it was parsed, and the line of the text that it begins in. */
export type JsonRecord = { line: number; text: string; value: unknown }

/** Cuts text into records: one a line (JSON Lines), or the elements of one array. */
export interface JsonRecords {
  push(text: string): Generator<JsonRecord>
  end(): Generator<JsonRecord>
}

type Limits = Pick<ListLimits, "maxRowChars">

export class JsonLines implements JsonRecords {
  readonly #limits: Limits
  #rest = ""
  #line = 0

  constructor(limits: Limits) {
    this.#limits = limits
  }

  *push(text: string): Generator<JsonRecord> {
    const [end = "", ...lines] = text.split("\n")
    // Not searched again: a line may come in single bytes.
    this.#rest += end
    for (const line of lines) {
      yield* this.#read(this.#rest)
      this.#rest = line
    }
    if (this.#rest.length > this.#limits.maxRowChars) throw tooLong(this.#line + 1, this.#limits)
  }

  *end(): Generator<JsonRecord> {
    yield* this.#read(this.#rest)
  }

  *#read(text: string): Generator<JsonRecord> {
    this.#line++
    if (text.length > this.#limits.maxRowChars) throw tooLong(this.#line, this.#limits)
    if (text.trim() !== "") yield parse(text, this.#line)
  }
}

/** Finds where an element ends by its brackets and quotes; what is in it is JSON.parse's to judge. */
export class JsonArray implements JsonRecords {
  readonly #limits: Limits
  #state: "before" | "element" | "after" = "before"
  #depth = 0
  #inText = false
  #isEscaped = false
  #element = ""
  #line = 1
  #startLine = 1
  #hasElements = false

  constructor(limits: Limits) {
    this.#limits = limits
  }

  *push(text: string): Generator<JsonRecord> {
    let from = 0
    for (let i = 0; i < text.length; i++) {
      const char = text[i] as string
      if (char === "\n") this.#line++
      if (this.#state !== "element") {
        this.#outside(char)
        from = i + 1
      } else if (this.#inText) {
        if (this.#isEscaped) this.#isEscaped = false
        else if (char === "\\") this.#isEscaped = true
        else if (char === '"') this.#inText = false
      } else if (char === '"') this.#inText = true
      else if (char === "{" || char === "[") this.#depth++
      else if ((char === "," || char === "]") && this.#depth === 0) {
        this.#append(text.slice(from, i))
        from = i + 1
        yield* this.#take(char === "]")
      } else if (char === "}" || char === "]") this.#depth--
    }
    if (this.#state === "element") this.#append(text.slice(from))
  }

  // biome-ignore lint/correctness/useYield: an array's last element ended with its bracket
  *end(): Generator<JsonRecord> {
    if (this.#state === "after") return
    const reason = this.#state === "before" ? "is empty" : "ends before its array does"
    throw new AppError("invalid_list", `Cannot read the list: it ${reason}`)
  }

  #outside(char: string): void {
    if (/\s/.test(char)) return
    const isStart = this.#state === "before" && char === "["
    if (!isStart)
      throw new AppError(
        "invalid_list",
        'Cannot read the list: its JSON is not one array: send ["https://…"], or objects with a `url`',
      )
    this.#state = "element"
    this.#startLine = this.#line
  }

  #append(piece: string): void {
    this.#element += piece
    if (this.#element.length > this.#limits.maxRowChars) throw tooLong(this.#startLine, this.#limits)
  }

  *#take(isLast: boolean): Generator<JsonRecord> {
    const element = this.#element
    this.#element = ""
    if (isLast) this.#state = "after"
    const isEmptyArray = isLast && !this.#hasElements && element.trim() === ""
    this.#hasElements = true
    if (!isEmptyArray) yield parse(element, this.#startLine)
    this.#startLine = this.#line
  }
}

function parse(text: string, line: number): JsonRecord {
  try {
    return { line, text, value: JSON.parse(text) }
  } catch (cause) {
    throw new AppError("invalid_list", `Cannot read the list: line ${line} is not JSON`, { cause })
  }
}

function tooLong(line: number, { maxRowChars }: Limits): AppError {
  return new AppError(
    "invalid_list",
    `Cannot read the list: the record in line ${line} has more than ${maxRowChars} characters`,
  )
}
