import { connect } from "node:net"

/** Any answer but a 5xx counts; a refused connection or no answer in time does not. */
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
export async function answersRedisPing(port: number, signal: AbortSignal): Promise<boolean> {
  const reply = await talk({ host: "127.0.0.1", port }, "PING\r\n", signal)
  return reply?.startsWith("+PONG") ?? false
}

export async function acceptsConnections(host: string, port: number, signal: AbortSignal): Promise<boolean> {
  return (await talk({ host, port }, null, signal)) !== null
}

/** The first bytes of the answer to `message`, "" when none is asked for, null when there is no connection. */
function talk(to: { host: string; port: number }, message: string | null, signal: AbortSignal): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect(to)
    const settle = (reply: string | null) => {
      signal.removeEventListener("abort", onAbort)
      socket.destroy()
      resolve(reply)
    }
    const onAbort = () => settle(null)
    signal.addEventListener("abort", onAbort)
    socket.once("error", () => settle(null))
    socket.once("close", () => settle(null))
    socket.once("data", (data) => settle(data.toString("latin1")))
    socket.once("connect", () => (message === null ? settle("") : socket.write(message)))
  })
}
