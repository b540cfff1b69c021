import { setTimeout as delay } from "node:timers/promises"
import { afterAll, beforeAll, expect, test } from "vitest"
import { readSample, SAMPLES } from "../support/images/samples.ts"
import { type Stack, startStack } from "../support/stack/stack-harness.ts"

let stack: Stack
beforeAll(async () => {
  stack = await startStack()
  await stack.printed(/^ready /m)
})
afterAll(() => stack?.dispose())

async function predict(image: Uint8Array<ArrayBuffer>, name: string, headers: Record<string, string> = {}) {
  const form = new FormData()
  form.append("image", new Blob([image]), name)
  const response = await fetch(`${stack.url}/predict`, { method: "POST", headers, body: form })
  return (await response.json()) as { success: boolean; predictions?: { label: string; probability: number }[] }
}

test.each([
  // The tutorial's client says nothing of a cache, so most of its answers are known.
  { requests: 500, everyMs: 50, how: "as the tutorial's client sends them", headers: undefined },
  { requests: 100, everyMs: 150, how: "each inferred anew", headers: { "cache-control": "no-cache" } },
])("$requests requests to /predict, one every $everyMs ms, are all answered: $how", async (load) => {
  const pictures = SAMPLES.map(({ name }) => ({ name: `${name}.jpg`, bytes: readSample(name) }))
  const answers: ReturnType<typeof predict>[] = []
  for (let i = 0; i < load.requests; i++) {
    const { name, bytes } = pictures[i % pictures.length] ?? { name: "", bytes: new Uint8Array() }
    answers.push(predict(bytes, name, load.headers))
    await delay(load.everyMs)
  }
  const answered = (await Promise.all(answers)).filter(
    ({ success, predictions }) => success && predictions?.length === 5,
  )
  expect(answered).toHaveLength(load.requests)
})
