import { connect } from "node:net"

/** Up means any response but a 5xx. */
export async function answersHttp(url: string, signal: AbortSignal): Promise<boolean> {
  try {
    const response = await fetch(url, { signal })
    await response.body?.cancel()
    return response.status < 500
  } catch {
    // Not reachable is the answer, whatever the reason.
    return false
  }
}

/** Redis says +PONG once its append-only file is read; until then -LOADING. */
export async function answersRedisPing(
  { port, password }: { port: number; password: string },
  signal: AbortSignal,
): Promise<boolean> {
  const reply = await talk({ host: "127.0.0.1", port }, `AUTH ${password}\r\nPING\r\n`, signal)
  return reply === "+OK\r\n+PONG\r\n"
}

export async function acceptsConnections(host: string, port: number, signal: AbortSignal): Promise<boolean> {
  return (await talk({ host, port }, null, signal)) !== null
}

/** The first two lines of the answer to `message`, "" when none is asked for, null when there is no connection. */
function talk(to: { host: string; port: number }, message: string | null, signal: AbortSignal): Promise<string | null> {
  return new Promise((resolve) => {
    let reply = ""
    const socket = connect(to)
    const settle = (answer: string | null) => {
      signal.removeEventListener("abort", onAbort)
      socket.destroy()
      resolve(answer)
    }
    const onAbort = () => settle(null)
    signal.addEventListener("abort", onAbort)
    socket.once("error", () => settle(null))
    socket.once("close", () => settle(null))
    socket.on("data", (data) => {
      reply += data.toString("latin1")
      if (reply.split("\r\n").length > 2) settle(reply)
    })
    socket.once("connect", () => (message === null ? settle("") : socket.write(message)))
  })
}
