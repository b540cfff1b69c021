import { readFile, writeFile } from "node:fs/promises"
import { setTimeout as delay } from "node:timers/promises"
import { type Behaviour, startPictureServer } from "../test/support/servers/picture-server.ts"
import { startStack } from "../test/support/stack/stack-harness.ts"
import { SECRET, startReceiver } from "../test/support/webhooks/webhook-receiver.ts"

// `npm run examples`: the answers and webhooks that /openapi.json and /docs show are taken from a run of the real stack.

const OUT = "src/edge/openapi/examples.json"

/** The pictures of the list, by number. */
const [THERE, GONE, NEVER] = [1, 2, 3]
const BEHAVIOURS: Behaviour[] = ["picture", "picture", "missing", "silent"]
const EVERY_EVENT = 7
const MAX_WAIT_MS = 60_000
/** Sooner a webhook is not sent again. */
const RESEND_PAUSE_MS = 5_500

const examples: Record<string, Record<number, unknown>> = {}
const pictures = await startPictureServer({
  pictures: [new Uint8Array(await readFile("src/page/samples/pumpkin.jpg"))],
  latencyMs: 0,
  behaviourOf: (number) => BEHAVIOURS[number] ?? "missing",
})
const receiver = await startReceiver()
const stack = await startStack(["--edge", "node"], {
  ALLOW_ADDRESSES: `${pictures.address} 127.0.0.1:${receiver.port}`,
  WEBHOOK_SECRETS: SECRET,
})

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
  await take("predict", "/predict", post(picture))

  const list = (...numbers: number[]) => ({
    ...post(JSON.stringify(numbers.map((number) => ({ id: number, url: pictures.urlOf(number ?? 0) })))),
    headers: { "content-type": "application/json" },
  })
  const hook = `webhook_url=${encodeURIComponent(`${receiver.origin}/claimcheck`)}`
  const events = () => Object.fromEntries(receiver.received.map(({ body }) => [body.type, body]))
  const untilTold = async (type: string, untilMs = Date.now() + MAX_WAIT_MS) => {
    while (!(type in events())) {
      if (Date.now() > untilMs) throw new Error(`No ${type}, but ${Object.keys(events()).join(", ")}`)
      await delay(50)
    }
  }
  const asUrl = (number: number | undefined) => ({
    ...post(JSON.stringify({ image_url: pictures.urlOf(number ?? 0) })),
    headers: { "content-type": "application/json" },
  })
  const submit = async (path: string, init: RequestInit) => {
    return (await (await fetch(`${stack.url}${path}`, init)).json()) as { id: string }
  }
  const told = await submit(`/v1/classifications?top_k=2&${hook}`, asUrl(THERE))
  await submit(`/v1/classifications?${hook}`, asUrl(GONE))
  const stuck = await submit(`/v1/classifications?${hook}`, asUrl(NEVER))
  await fetch(`${stack.url}/v1/classifications/${stuck.id}`, { method: "DELETE" })

  const query = `/v1/batches?top_k=2&${hook}`
  const batch = await take("createBatch", `${query}&webhook_every=1`, list(THERE, GONE))
  await untilTold("batch.succeeded")
  await take("readBatch", `/v1/batches/${batch.id}`)
  await take("cancelBatch", `/v1/batches/${batch.id}`, { method: "DELETE" })
  await take("createBatch", query, post("id,url\n1,ftp://pictures.example/1.jpg\n", { "content-type": "text/csv" }))
  await submit(query, list(GONE))
  await untilTold("batch.failed")
  const endless = await submit(query, list(NEVER, THERE))
  await take("cancelBatch", `/v1/batches/${endless.id}`, { method: "DELETE" })
  for (const type of ["classification.succeeded", "classification.failed", "classification.canceled"])
    await untilTold(type)
  for (const type of ["batch.progress", "batch.canceled"]) await untilTold(type)
  if (Object.keys(events()).length !== EVERY_EVENT) throw new Error(`Events: ${Object.keys(events()).join(", ")}`)

  const deliveries = `/v1/classifications/${told.id}/deliveries`
  const isDelivered = async () => (await (await fetch(stack.url + deliveries)).text()).includes('"delivered"')
  while (!(await isDelivered())) await delay(50)
  await take("listDeliveries", deliveries)
  await delay(RESEND_PAUSE_MS)
  await take("resendDelivery", deliveries, { method: "POST" })

  // An example a line.
  const toLines = (part: Record<string, unknown>) =>
    Object.entries(part).map(([name, value]) => `    ${JSON.stringify(name)}: ${JSON.stringify(value)}`)
  const sorted = Object.fromEntries(Object.entries(events()).toSorted(([a], [b]) => (a < b ? -1 : 1)))
  const parts = Object.entries({ answers: examples, events: sorted })
  const text = parts.map(([name, part]) => `  "${name}": {\n${toLines(part).join(",\n")}\n  }`).join(",\n")
  const renamed = text
    .replaceAll(`http://${pictures.address}`, "https://pictures.example")
    .replaceAll(receiver.origin, "https://hooks.example")
    .replaceAll(stack.url, "http://localhost:8787")
  await writeFile(OUT, `{\n${renamed}\n}\n`)
} finally {
  await stack.dispose()
  await receiver.close()
  await pictures.close()
}
