import { describe, expect, onTestFinished, test } from "vitest"
import { sleep } from "../../src/lib/sleep.ts"
import { fakeEdge, PICTURE, queued, succeeded } from "../support/client-fake-edge.ts"
import { clientSuite } from "../support/client-suite.ts"

describe("the client, on Node", () => {
  for (const { name, run } of clientSuite) test(name, run)

  test("many waits on one signal are no leak to be warned of", async () => {
    const warnings: Error[] = []
    const note = (warning: Error) => void warnings.push(warning)
    process.on("warning", note)
    onTestFinished(() => void process.off("warning", note))
    const { signal } = new AbortController()
    const waits = Array.from({ length: 20 }, () => {
      const edge = fakeEdge([queued({ "poll-after-ms": "10" }), succeeded()])
      return edge.client({ sleep }).classify(PICTURE, { signal })
    })
    await Promise.all(waits)
    // Warnings come on the next tick.
    await new Promise((resolve) => setImmediate(resolve))
    expect(warnings).toEqual([])
  })
})
