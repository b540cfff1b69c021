import { writeFile } from "node:fs/promises"
import { startStack } from "../test/e2e/stack-harness.ts"

// `npm run examples`: the answers that /openapi.json and /docs show are taken from a run of the real stack.

const OUT = "src/edge/openapi/examples.ts"
const HEAD = `// Answers of the real stack, taken by \`npm run examples\` (scripts/take-examples.ts): not written by hand.

/** By operation and status. */
export const EXAMPLES: Readonly<Record<string, Readonly<Record<number, unknown>>>> = `

const examples: Record<string, Record<number, unknown>> = {}
const stack = await startStack(["--edge", "node"])

async function take(operationId: string, path: string, init: RequestInit = {}): Promise<Record<string, unknown>> {
  const response = await fetch(stack.url + path, init)
  const body = (await response.json()) as Record<string, unknown>
  examples[operationId] = { ...examples[operationId], [response.status]: body }
  return body
}

try {
  await stack.printed(/^ready /m)
  const { samples } = (await take("listSamples", "/v1/samples")) as { samples: { url: string }[] }
  const [picture, another] = await Promise.all(
    samples.slice(0, 2).map(async ({ url }) => (await fetch(new URL(url, stack.url))).arrayBuffer()),
  )
  if (picture === undefined || another === undefined) throw new Error("There are too few samples")
  const post = (body: BodyInit, headers: Record<string, string> = {}): RequestInit => ({
    method: "POST",
    body,
    headers,
  })

  await take("isAlive", "/healthz")
  await take("isReady", "/readyz")
  await take("listModels", "/v1/models")
  const { id } = await take("createClassification", "/v1/classifications?top_k=3", post(picture))
  await take("readQueue", "/v1/queue")
  await take("readClassification", `/v1/classifications/${id}`, { headers: { prefer: "wait=30" } })
  await take("createClassification", "/v1/classifications?top_k=3", post(picture))
  await take("createClassification", "/v1/classifications?model=nobody", post(picture))
  await take("createClassification", "/v1/classifications", post("This is no picture"))
  await take("readClassification", "/v1/classifications/cls_forged")
  const webhook = encodeURIComponent("https://hooks.invalid/claimcheck")
  const called = await take("createClassification", `/v1/classifications?webhook_url=${webhook}`, post(another))
  await take("cancelClassification", `/v1/classifications/${called.id}`, { method: "DELETE" })
  await take("cancelClassification", `/v1/classifications/${id}`, { method: "DELETE" })
  await take("listDeliveries", `/v1/classifications/${called.id}/deliveries`)
  await take("resendDelivery", `/v1/classifications/${called.id}/deliveries`, { method: "POST" })
  await take("predict", "/predict", post(picture))
  await writeFile(OUT, `${HEAD}${JSON.stringify(examples, null, 2)}\n`)
} finally {
  await stack.dispose()
}
