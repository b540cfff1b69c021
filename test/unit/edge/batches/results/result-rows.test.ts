import { describe, expect, it } from "vitest"
import { readPictureResult } from "../../../../../src/edge/batches/results/picture-result.ts"
import {
  answerUnits,
  boundAnswer,
  keepLastChunk,
  type ResultStore,
} from "../../../../../src/edge/batches/results/result-rows.ts"
import { writeResults } from "../../../../../src/edge/batches/results/write-results.ts"
import type { Batch } from "../../../../../src/lib/batches/batch.ts"
import { parseOperation } from "../../../../../src/lib/operations/operations.ts"

/** A batch whose rows all name the same picture again and again, in chunks of a hundred rows. */
function repeating({ rows, named, output }: { rows: number; named: number; output: string }) {
  const starts = Array.from({ length: Math.ceil(rows / 100) }, (_v, i) => i * 100)
  const plan = {
    listId: "l",
    rows,
    operation: parseOperation("classify", { output }),
    chunks: starts.map((first) => [first, 0]),
  } as unknown as Batch["plan"]
  const read: number[] = []
  const getChunk: ResultStore["getChunk"] = async (_list, index) => {
    read.push(index)
    const count = Math.min(100, rows - index * 100)
    return { urls: [], rows: Array.from({ length: count }, () => ({ cells: [], pictures: new Array(named).fill(0) })) }
  }
  return { batch: { plan } as Batch, store: { getChunk } as ResultStore, read }
}

describe("an answer with results", () => {
  it("ends where its rows name more than it may hold, and the next goes on from there", async () => {
    const { batch, store } = repeating({ rows: 1_000, named: 100, output: "scores" })
    const ends: number[] = []
    for (let after = 0; after < 1_000; ) {
      const { until, pictures } = await boundAnswer(store, batch, { after, until: 1_000 })
      expect(pictures).toBe(100 * (until - after))
      expect(answerUnits(batch.plan, pictures)).toBeLessThanOrEqual(450)
      ends.push(until)
      after = until
    }
    expect(ends.length).toBeGreaterThan(20)
    expect(new Set(ends).size).toBe(ends.length)
  })

  it("has one row at least, and all of a list of ordinary ones", async () => {
    const heavy = repeating({ rows: 2, named: 100_000, output: "scores" })
    expect((await boundAnswer(heavy.store, heavy.batch, { after: 0, until: 2 })).until).toBe(1)
    const plain = repeating({ rows: 100_000, named: 1, output: "predictions" })
    expect((await boundAnswer(plain.store, plain.batch, { after: 0, until: 100_000 })).until).toBe(100_000)
  })

  it("costs more the more often its rows name a picture", () => {
    const { batch } = repeating({ rows: 10, named: 1, output: "scores" })
    expect(answerUnits(batch.plan, 1_000)).toBeGreaterThan(10 * answerUnits(batch.plan, 50))
  })

  it("asks once for a chunk that is looked at twice", async () => {
    const { store, read } = repeating({ rows: 50, named: 1, output: "predictions" })
    const kept = keepLastChunk(store)
    await kept.getChunk("l", 0)
    await kept.getChunk("l", 0)
    expect(read).toEqual([0])
  })
})

describe("a row's results", () => {
  it("name the model that made them: an operator can have moved the job to another than was asked for", async () => {
    const operation = parseOperation("classify", {})
    const plan = { columns: ["url"], operation, model: "asked-for" } as unknown as Batch["plan"]
    const image = { format: "jpeg", width: 8, height: 8, bytes: 9, orientation: 1 }
    const result = { modelVersion: "7", predictions: [], image: { ...image, isProgressive: true, ofLater: 1 } }
    const moved = { state: "succeeded", model: "moved-to", input: "{}", result: JSON.stringify(result) }
    const picture = readPictureResult({ plan, progress: {} } as Batch, 0, JSON.stringify(moved))
    const written = async (format: "csv" | "jsonl") => {
      const rows = (async function* () {
        yield { number: 1, row: { cells: ["u"], pictures: [0] }, pictures: [picture] }
      })()
      let text = ""
      for await (const line of writeResults(rows, plan, { format, isFirst: true })) text += line
      return text
    }
    expect(await written("csv")).toBe(
      "url,status,label,probability,predictions,model,error\r\nu,succeeded,,,,moved-to,\r\n",
    )
    const [first] = JSON.parse(await written("jsonl")).results
    expect(first.model).toEqual({ id: "moved-to", version: "7" })
    // What a record keeps for ourselves is not shown.
    expect(first.image).toEqual(image)
  })
})
