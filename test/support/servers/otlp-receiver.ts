import { once } from "node:events"
import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

type Value = { stringValue?: string; intValue?: string; doubleValue?: number; boolValue?: boolean }
type Attribute = { key: string; value: Value }
type OtlpSpan = {
  traceId: string
  spanId: string
  parentSpanId?: string
  name: string
  kind: number
  flags: number
  startTimeUnixNano: string
  endTimeUnixNano: string
  attributes: Attribute[]
  status?: { code: number; message: string }
}
type OtlpRequest = {
  resourceSpans: {
    resource: { attributes: Attribute[] }
    scopeSpans: { scope: { name: string }; spans: OtlpSpan[] }[]
  }[]
}

/** A span as it arrived, with its attributes as plain values. */
export type ReceivedSpan = Omit<OtlpSpan, "attributes"> & {
  service: string
  scope: string
  attributes: Record<string, unknown>
}
export type OtlpReceiver = {
  url: string
  posts: { path: string; headers: Record<string, string>; spans: ReceivedSpan[] }[]
  spans: () => ReceivedSpan[]
  /** How posts are answered from now on. */
  behave: (answer: (response: ServerResponse) => unknown) => void
  close: () => Promise<void>
}

/** An OpenTelemetry collector, as far as OTLP/HTTP with JSON goes. */
export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const posts: OtlpReceiver["posts"] = []
  let answer = (response: ServerResponse): unknown =>
    response.writeHead(200, { "content-type": "application/json" }).end('{"partialSuccess":{}}')
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const spans = readSpans(JSON.parse(Buffer.concat(chunks).toString()))
    posts.push({ path: request.url ?? "", headers: request.headers as Record<string, string>, spans })
    answer(response)
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    posts,
    spans: () => posts.flatMap(({ spans }) => spans),
    behave: (next) => {
      answer = next
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function readSpans({ resourceSpans }: OtlpRequest): ReceivedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = String(plain(resource.attributes)["service.name"])
    return scopeSpans.flatMap(({ scope, spans }) =>
      spans.map((span) => ({ ...span, service, scope: scope.name, attributes: plain(span.attributes) })),
    )
  })
}

function plain(attributes: readonly Attribute[]): Record<string, unknown> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => {
      const { stringValue, intValue, doubleValue, boolValue } = value
      return [key, stringValue ?? (intValue === undefined ? (doubleValue ?? boolValue) : Number(intValue))]
    }),
  )
}
