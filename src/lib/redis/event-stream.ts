import type { ChannelListener } from "./redis.ts"

/** A server that pings does so every 15 s. Once it is known to, silence means that the connection is dead. */
const SILENCE_MS = 50_000
/** Without pings a dead stream cannot be noticed, so another one is opened. */
const SILENCE_WITHOUT_PINGS_MS = 300_000
const MAX_LINE_CHARS = 65_536

/** What is known of a server, from one stream to the next. */
export type EventServer = { pings: boolean }

/** Reads what Upstash sends on `/subscribe/<channel>` (server-sent events) to its end. `onSilence` must end it. */
export async function readEventStream(
  stream: ReadableStream<Uint8Array>,
  { onSubscribed, onMessage }: ChannelListener,
  { server, onSilence }: { server: EventServer; onSilence: () => void },
): Promise<void> {
  for await (const line of readLines(stream, server, onSilence)) {
    const [, kind, payload = ""] = /^data: ?(subscribe|message),[^,]*,(.*)$/.exec(line) ?? []
    if (kind === "subscribe") onSubscribed()
    if (kind === "message") onMessage(payload)
  }
}

async function* readLines(stream: ReadableStream<Uint8Array>, server: EventServer, onSilence: () => void) {
  const reader = stream.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader()
  let rest = ""
  let silence: ReturnType<typeof setTimeout> | undefined
  const listen = () => {
    clearTimeout(silence)
    silence = setTimeout(onSilence, server.pings ? SILENCE_MS : SILENCE_WITHOUT_PINGS_MS)
  }
  try {
    listen()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      const lines = (rest + value).split(/\r?\n/)
      rest = (lines.pop() ?? "").slice(0, MAX_LINE_CHARS)
      server.pings ||= lines.some((line) => line.startsWith(":"))
      listen()
      yield* lines
    }
  } finally {
    clearTimeout(silence)
    await reader.cancel().catch(() => undefined) // it is over either way
  }
}
