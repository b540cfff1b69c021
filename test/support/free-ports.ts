import { once } from "node:events"
import { createServer } from "node:net"

/** Below the range that the system itself hands out (32768 on), so that no connection or `listen(0)` takes a port between this look and its use. */
const FIRST = 10_000
const PER_WORKER = 2_500
const given = new Set<number>()

/** Ports of the loopback that are free, which no other worker of this run is given. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = []
  while (ports.length < count) {
    const port =
      FIRST + (Number(process.env.VITEST_POOL_ID ?? 0) % 8) * PER_WORKER + Math.floor(Math.random() * PER_WORKER)
    if (given.has(port) || !(await isFree(port))) continue
    given.add(port)
    ports.push(port)
  }
  return ports
}

export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1)
  return port
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, "127.0.0.1")
  try {
    await once(server, "listening")
  } catch {
    return false // Somebody has it.
  }
  await once(server.close(), "close")
  return true
}
