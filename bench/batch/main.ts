// A list of pictures on a local host, worked through as a batch, beside a plain loop over the same list.
//   npm run bench:batch -- [--rows 5004] [--latency 1] [--op inspect|classify|compress|resize] [--size 64] [--clients 16, 0 for no loops] [--edge node|workerd] [--calm]
import sharp from "sharp"
import { type BatchTicket, batchTicketSchema } from "../../src/lib/batches/batch-ticket.ts"
import { Claimcheck } from "../../src/lib/client/claimcheck.ts"
import { startPictureServer, troubled } from "../../test/support/servers/picture-server.ts"
import { type BenchStack, startBenchStack } from "../stack.ts"
import { type BenchOptions, type Op, readOptions } from "./options.ts"
import { inspectHere, type Loop, plainLoop } from "./plain-loop.ts"

const DISTINCT_PICTURES = 60
const print = (line: string) => process.stdout.write(`${line}\n`)

/** Photograph-like pictures of our own: smooth colours with noise, 640 × 480. */
async function makePictures(): Promise<Uint8Array[]> {
  return Promise.all(
    Array.from({ length: DISTINCT_PICTURES }, async (_none, i) => {
      const noise = { type: "gaussian", mean: 60 + 2 * i, sigma: 30 } as const
      const image = sharp({
        create: { width: 640, height: 480, channels: 3, background: { r: 4 * i, g: 90, b: 200 }, noise },
      })
      return new Uint8Array(await image.blur(2).jpeg({ quality: 85 }).toBuffer())
    }),
  )
}

type BatchRun = { acceptedMs: number; seconds: number; ticket: BatchTicket; rowsBack: number }

async function runBatch({ url }: BenchStack, list: string, { op, size }: BenchOptions): Promise<BatchRun> {
  const startMs = performance.now()
  const response = await fetch(
    `${url}/v1/batches?operation=${op}&batch_size=${size}${op === "resize" ? "&width=224" : ""}`,
    {
      method: "POST",
      headers: { "content-type": "text/tab-separated-values" },
      body: list,
    },
  )
  if (response.status !== 202) throw new Error(`Refused: ${await response.text()}`)
  let ticket = batchTicketSchema.parse(await response.json())
  const acceptedMs = performance.now() - startMs
  while (!ticket.done) {
    await new Promise((resolve) => setTimeout(resolve, ticket.poll_after_ms ?? 250))
    ticket = batchTicketSchema.parse(await (await fetch(`${url}/v1/batches/${ticket.id}`)).json())
  }
  const seconds = (performance.now() - startMs) / 1_000
  const text = await (await fetch(`${url}/v1/batches/${ticket.id}/results?format=jsonl`)).text()
  const rows = text
    .trim()
    .split("\n")
    .map((line) => (JSON.parse(line) as { row: number }).row)
  const isInOrder = rows.every((row, i) => row === i + 1)
  if (!isInOrder) throw new Error("The rows are not in the order of the list")
  return { acceptedMs, seconds, ticket, rowsBack: rows.length }
}

const SINGLE_EVERY_MS = 500

/** Single uploads of the batch's own caller, one at a time, until `until` settles: milliseconds to the answer, sorted. */
async function timeSingles(
  client: Claimcheck,
  pictures: readonly Uint8Array[],
  until: Promise<unknown>,
): Promise<number[]> {
  let isOver = false
  const over = until.then(
    () => {
      isOver = true
    },
    () => {
      isOver = true
    },
  )
  const tookMs: number[] = []
  while (!isOver) {
    const startMs = performance.now()
    await client.classify(pictures[tookMs.length % pictures.length] as Uint8Array, { noCache: true })
    tookMs.push(performance.now() - startMs)
    await Promise.race([over, new Promise((resolve) => setTimeout(resolve, SINGLE_EVERY_MS))])
  }
  return tookMs.sort((a, b) => a - b)
}

function describeSingles(tookMs: readonly number[]): string {
  const at = (share: number) => (tookMs[Math.floor((tookMs.length - 1) * share)] ?? 0).toFixed(0)
  return `p50 ${at(0.5)} ms, p95 ${at(0.95)} ms (${tookMs.length} of them)`
}

const loopLine = (name: string, { perSecond, seconds, failed }: Loop) =>
  print(
    `${name.padEnd(34)} ${seconds.toFixed(1).padStart(8)} s ${perSecond.toFixed(1).padStart(9)}/s ${String(failed).padStart(6)} failed`,
  )

async function main(): Promise<void> {
  const options = readOptions()
  const { rows, latencyMs, op, clients } = options
  const made = await makePictures()
  const pictures = await startPictureServer({
    pictures: made,
    latencyMs,
    ...(options.troubled && { behaviourOf: troubled }),
  })
  const stack = await startBenchStack(options.edge, {
    ALLOW_ADDRESSES: pictures.address,
    FETCHES: String(options.size),
    FETCHES_PER_HOST: String(options.size),
  })
  try {
    const urls = Array.from({ length: rows }, (_none, i) => pictures.urlOf(i))
    const list = ["image_id\timage_url", ...urls.map((url, i) => `${i}\t${url}`)].join("\n")
    print(
      `${rows} rows, ${op}, ${latencyMs} ms latency${options.troubled ? ", 2 % 404, 1 % reset, 0.2 % never answered" : ""}, ${options.size} in flight`,
    )
    const client = new Claimcheck({ url: stack.url })
    const tenSeconds = () => new Promise((resolve) => setTimeout(resolve, 10_000))
    // The first ten seconds teach the edge the classifier's speed.
    await timeSingles(client, made, tenSeconds())
    const idle = await timeSingles(client, made, tenSeconds())
    const running = runBatch(stack, list, options)
    const busy = await timeSingles(client, made, running)
    const batch = await running
    print(
      `a single upload of the same caller: idle ${describeSingles(idle)}; beside the batch ${describeSingles(busy)}`,
    )
    print(`accepted in ${batch.acceptedMs.toFixed(0)} ms, ${batch.rowsBack} of ${rows} rows back in order`)
    const { failed } = batch.ticket.pictures
    loopLine("batch", { seconds: batch.seconds, perSecond: rows / batch.seconds, failed })

    const work: Record<Op, (bytes: Uint8Array) => Promise<unknown>> = {
      inspect: inspectHere,
      classify: (bytes) => client.classify(bytes, { noCache: true }),
      compress: (bytes) => sharp(bytes).jpeg({ quality: 50 }).toBuffer(),
      resize: (bytes) => sharp(bytes).resize(224).jpeg().toBuffer(),
    }
    if (clients === 0) return
    loopLine(`plain loop, ${clients} at a time`, await plainLoop(urls, { clients, work: work[op] }))
    // Of the whole list it would take a quarter of an hour; it is the same for each part of it.
    const tenth = urls.slice(0, Math.ceil(rows / 10))
    loopLine(`plain loop, one by one, ${tenth.length} rows`, await plainLoop(tenth, { clients: 1, work: work[op] }))
  } finally {
    await stack.stop()
    await pictures.close()
  }
}

await main()
