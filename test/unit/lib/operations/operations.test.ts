import { describe, expect, it } from "vitest"
import {
  OPERATIONS,
  operationNames,
  operationSchema,
  parseOperation,
} from "../../../../src/lib/operations/operations.ts"
import { queueName, queuesOf } from "../../../../src/lib/queue/queue-name.ts"

describe("parseOperation()", () => {
  it("classifies with five predictions unless told otherwise", () => {
    expect(parseOperation("classify", {})).toEqual({ name: "classify", topK: 5 })
  })

  it("reads texts, as a query has them", () => {
    const options = { top_k: "3", threshold: "0.25", output: "scores", lang: "pt-br" }
    const operation = { name: "classify", topK: 3, threshold: 0.25, scores: true, lang: "pt-br" }
    expect(parseOperation("classify", options)).toEqual(operation)
    // A record from Redis is read by the same table.
    expect(operationSchema.parse(JSON.parse(JSON.stringify(operation)))).toEqual(operation)
  })

  it("reads every number that JSON may write", () => {
    for (const threshold of [0.1 + 0.2, 1e-7, 0.123456789012345, 1, 0]) {
      expect(parseOperation("classify", { threshold: String(threshold) })).toMatchObject({ threshold })
    }
    expect(parseOperation("inspect", { sha256: "true" })).toEqual({ name: "inspect", sha256: true })
    expect(parseOperation("inspect", { sha256: "True" })).toEqual({ name: "inspect", sha256: true })
    expect(parseOperation("inspect", { sha256: "false" })).toEqual({ name: "inspect" })
  })

  it.each([
    ["classify", { top_k: "0" }, "top_k: must be at least 1"],
    ["classify", { top_k: "1001" }, "top_k: must be at most 1000"],
    ["classify", { top_k: "five" }, "top_k: must be a whole number"],
    ["classify", { threshold: "1.5" }, "threshold: must be at most 1"],
    ["classify", { threshold: "0x1" }, "threshold: must be a number"],
    ["classify", { threshold: "1e9" }, "threshold: must be at most 1"],
    ["inspect", { sha256: "yes" }, "sha256: must be true or false"],
    ["classify", { output: "tensor" }, "output: must be predictions or scores"],
    ["classify", { lang: "../de" }, "lang: must be a language tag such as de"],
    ["classify", { topk: "3" }, '"topk" is no option of classify, which takes top_k, threshold, output, lang'],
    ["inspect", { top_k: "3", a: "" }, '"top_k", "a" are no options of inspect, which takes sha256'],
    ["paint", {}, `operation: must be one of ${operationNames.join(", ")}`],
    ["__proto__", {}, "operation: must be one of"],
    ["toString", {}, "operation: must be one of"],
  ])("refuses %s %j and says what to change", (name, options, message) => {
    expect(() => parseOperation(name, options)).toThrow(
      expect.objectContaining({ code: "invalid_options", message: expect.stringContaining(message) }),
    )
  })

  it("does not repeat a whole novel that was sent as an option's name", () => {
    const options = { ["x".repeat(9_000)]: "1" }
    expect(() => parseOperation("classify", options)).toThrow(
      expect.objectContaining({ message: expect.stringMatching(/^.{1,200}$/) }),
    )
  })
})

describe("queueName()", () => {
  it("is the model's, or the operation's where it needs none, and apart for what must be fetched", () => {
    expect(queueName({ model: "m", operation: "classify", isUrl: false })).toBe("m")
    expect(queueName({ model: "m", operation: "classify", isUrl: true })).toBe("m@url")
    expect(queueName({ operation: "inspect", isUrl: false })).toBe("@inspect")
    expect(queueName({ operation: "inspect", isUrl: true })).toBe("@inspect@url")
  })

  it("is among the queues of who serves the model", () => {
    for (const isUrl of [false, true]) {
      const queues = queuesOf(["m"], { urls: isUrl })
      for (const operation of operationNames) {
        const name = queueName({ ...(OPERATIONS[operation].usesModel && { model: "m" }), operation, isUrl })
        // The ones that use a model wait in the same queue.
        expect(queues).toContain(name)
      }
      expect(new Set(queues).size).toBe(queues.length)
    }
  })
})
