import { once } from "node:events"
import { connect, type Socket } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import type { RawRequest } from "./raw-requests.ts"

const ANSWER_WITHIN_MS = 10_000

/** Bytes on a socket of their own, slowly where asked. The status of the answer, or null when the server only hung up. */
export async function sendRaw(url: string, { head, body = [], pauseMs = 0 }: RawRequest): Promise<number | null> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  let answer = ""
  socket.setEncoding("latin1").on("data", (text: string) => {
    answer += text
  })
  socket.on("error", () => undefined) // told by what came before it
  await once(socket, "connect")
  try {
    await write(socket, Buffer.from(head, "latin1"))
    for (const piece of body) {
      if (pauseMs > 0) await sleep(pauseMs)
      if (statusOf(answer) !== null && statusOf(answer) !== 100) break
      await write(socket, piece)
    }
    const endMs = performance.now() + ANSWER_WITHIN_MS
    while (!socket.destroyed && finalStatusOf(answer) === null && performance.now() < endMs) await sleep(2)
    if (finalStatusOf(answer) === null && !socket.destroyed)
      throw new Error(`No answer to ${JSON.stringify(head.slice(0, 200))}`)
    return finalStatusOf(answer)
  } finally {
    socket.destroy()
  }
}

async function write(socket: Socket, bytes: Uint8Array): Promise<void> {
  if (!socket.writable || socket.write(bytes)) return
  await Promise.race([once(socket, "drain"), once(socket, "close")])
}

function statusOf(answer: string): number | null {
  const status = answer.match(/^HTTP\/1\.1 (\d{3})/)?.[1]
  return status === undefined ? null : Number(status)
}

/** An interim 100 is none. */
function finalStatusOf(answer: string): number | null {
  return statusOf(answer.replace(/^(HTTP\/1\.1 100 .*\r\n\r\n)+/, ""))
}
