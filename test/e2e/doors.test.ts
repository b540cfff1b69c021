import { once } from "node:events"
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs"
import { connect } from "node:net"
import { join } from "node:path"
import { createClient } from "@redis/client"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { listProcesses } from "../../src/cli/stack/processes/process-list.ts"
import { processesOf, type Stack, startStack } from "../support/stack/stack-harness.ts"

const PARTS = ["redis", "gateway", "classifier", "edge"]
type Secrets = { gatewayToken: string; ticketSecrets: string[]; webhookSecrets: string[]; redisPassword: string }

describe("who reaches a stack that runs", () => {
  let stack: Stack
  let secrets: Secrets
  beforeAll(async () => {
    stack = await startStack()
    await stack.printed(/^ready /m)
    secrets = JSON.parse(readFileSync(join(stack.home, "secrets.json"), "utf8")) as Secrets
  })
  afterAll(() => stack?.dispose())

  test("keeps its secrets out of what it prints and of the process list", async () => {
    const commands = (await processesOf(stack.home)).join("\n")
    const { gatewayToken, ticketSecrets, webhookSecrets, redisPassword } = secrets
    for (const secret of [gatewayToken, ...ticketSecrets, ...webhookSecrets, redisPassword]) {
      expect(secret).toMatch(/.{32}/)
      expect(stack.output()).not.toContain(secret)
      expect(commands).not.toContain(secret)
    }
  })

  test.runIf(process.platform === "linux")("listens on the ports that it names and on no other", async () => {
    const { env } = stack
    const named = [env.PORT, env.GATEWAY_PORT, env.HEALTH_PORT, env.REDIS_PORT].map((port) => `127.0.0.1:${port}`)
    expect(await listenersOf(stack)).toEqual(named.sort())
    for (const address of named.filter((address) => !address.endsWith(`:${env.REDIS_PORT}`))) {
      for (const path of ["/json", "/json/list", "/json/version"]) {
        const answer = await fetch(`http://${address}${path}`)
        expect([401, 404], `${address}${path}`).toContain(answer.status)
        expect(await answer.text()).not.toContain("webSocketDebuggerUrl")
      }
    }
  })

  test("serves none of a developer's routes", async () => {
    for (const path of ["/cdn-cgi/explorer", "/cdn-cgi/explorer/api", "/cdn-cgi/handler/scheduled", "/__scheduled"]) {
      const answer = await fetch(stack.url + path)
      expect([path, answer.status]).toEqual([path, 404])
      expect(await answer.json()).toMatchObject({ code: "not_found" })
    }
  })

  test("answers to no name but its own, so that no page can have its name lead here", async () => {
    const { PORT, GATEWAY_PORT, HEALTH_PORT } = stack.env
    const statusAs = async (host: string) =>
      Promise.all([PORT, GATEWAY_PORT, HEALTH_PORT].map((port) => statusOf(Number(port), host)))
    for (const host of ["localhost", "127.0.0.1", "[::1]", "localhost:1"])
      expect(await statusAs(host)).toEqual([200, 200, 200])
    for (const host of ["evil.example", "localhost.evil.example", `evil.example:${PORT}`, "127.0.0.1.evil.example"]) {
      expect(await statusAs(host), host).toEqual([421, 401, 421])
    }
  })

  test("gives the queue to nobody on the machine who does not know its password", async () => {
    const stranger = connect(Number(stack.env.REDIS_PORT), "127.0.0.1")
    stranger.write("KEYS *\r\n")
    const [reply] = (await once(stranger, "data")) as [Buffer]
    expect(String(reply)).toMatch(/^-NOAUTH/)
    stranger.destroy()
    const owner = await createClient({ url: stack.redisUrl() }).connect()
    await expect(owner.sendCommand(["DBSIZE"])).resolves.toBeGreaterThan(0)
    owner.destroy()
  })
})

test("lets a debugger in when it is asked to, and says so", async () => {
  const stack = await startStack(["--inspect"])
  try {
    await stack.printed(/^ready /m)
    const at = `127.0.0.1:${stack.env.INSPECTOR_PORT}`
    expect(stack.output()).toContain(`A debugger may connect to the API at ${at}, and so may any page in a browser`)
    expect(await (await fetch(`http://${at}/json`)).text()).toContain("webSocketDebuggerUrl")
  } finally {
    await stack.dispose()
  }
})

/** Of `GET /healthz`, sent to that name. */
async function statusOf(port: number, host: string): Promise<number> {
  const socket = connect(port, "127.0.0.1")
  socket.write(`GET /healthz HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  const [head] = (await once(socket, "data")) as [Buffer]
  socket.destroy()
  return Number(String(head).split(" ")[1])
}

/** Where the processes of a stack listen: addresses of their sockets in the state LISTEN (proc(5)). */
async function listenersOf(stack: Stack): Promise<string[]> {
  const listening = new Map<string, string>()
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"].filter((path) => existsSync(path))) {
    for (const line of readFileSync(table, "utf8").trim().split("\n").slice(1)) {
      const [, local = "", , state, , , , , , inode = ""] = line.trim().split(/\s+/)
      if (state === "0A") listening.set(`socket:[${inode}]`, readable(local))
    }
  }
  const marked = (await processesOf(stack.home)).map((line) => Number(line.split(" ")[0]))
  // Redis writes its title over its environment.
  const groups = PARTS.map((name) => stack.groupOf(name))
  const grouped = (await listProcesses()).filter(({ pgid }) => groups.includes(pgid)).map(({ pid }) => pid)
  expect(grouped.length).toBeGreaterThanOrEqual(PARTS.length)
  const found = [...new Set([...marked, ...grouped])].flatMap((pid) =>
    readdirSync(`/proc/${pid}/fd`).map((fd) => {
      try {
        return listening.get(readlinkSync(`/proc/${pid}/fd/${fd}`))
      } catch {
        // Closed since the folder was read.
        return undefined
      }
    }),
  )
  return [...new Set(found.filter((address) => address !== undefined))].sort()
}

/** "0100007F:1F90" is 127.0.0.1:8080; an IPv6 address stays as it is written. */
function readable(local: string): string {
  const [address = "", port = ""] = local.split(":")
  const bytes = address.match(/../g)?.map((byte) => Number.parseInt(byte, 16)) ?? []
  return `${bytes.length === 4 ? bytes.reverse().join(".") : address}:${Number.parseInt(port, 16)}`
}
