import { createSocket } from "node:dgram"
import { createServer, type RequestListener, type Server } from "node:http"
import { createServer as createTlsServer } from "node:https"
import { type AddressInfo, createServer as createTcpServer, type Socket, type Server as TcpServer } from "node:net"
import { gzipSync } from "node:zlib"
import { afterEach, describe, expect, it, vi } from "vitest"
import {
  createGuardedFetch,
  type GuardedFetch,
  type GuardedFetchConfig,
} from "../../../../src/classifier/fetch/guarded/guarded-fetch.ts"
import { GuardedFetchError } from "../../../../src/classifier/fetch/guarded/guarded-fetch-error.ts"
import type { ResolveHost } from "../../../../src/classifier/fetch/guarded/resolve-host.ts"

/** Made for these tests, worth nothing: hooks.example.com, valid until 2126. */
const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg39ko/ZNb0aCqG1XX
HHi3aqHmN+9Kijt/lZ6vWLsJMOShRANCAASsq5Qg0Pjw+kTnga69TBsk4aXVVSMK
BxqESXakH0fKFthO9Wk6IKMgBEL0RqzlcfrrJESGVX/57oZFV1a8ZU90
-----END PRIVATE KEY-----`
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBrTCCAVOgAwIBAgIUfGVMcUlTjcer24HY/aUbQ5ngpewwCgYIKoZIzj0EAwIw
HDEaMBgGA1UEAwwRaG9va3MuZXhhbXBsZS5jb20wIBcNMjYxMTIxMDAzOTU2WhgP
MjEyNjEwMjgwMDM5NTZaMBwxGjAYBgNVBAMMEWhvb2tzLmV4YW1wbGUuY29tMFkw
EwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAErKuUIND48PpE54GuvUwbJOGl1VUjCgca
hEl2pB9HyhbYTvVpOiCjIARC9Eas5XH66yREhlV/+e6GRVdWvGVPdKNxMG8wHQYD
VR0OBBYEFHi0ke+SvLuZdqzabPyUAUVgJhpGMB8GA1UdIwQYMBaAFHi0ke+SvLuZ
dqzabPyUAUVgJhpGMA8GA1UdEwEB/wQFMAMBAf8wHAYDVR0RBBUwE4IRaG9va3Mu
ZXhhbXBsZS5jb20wCgYIKoZIzj0EAwIDSAAwRQIhALj9nY8/XLC1xZdF+TbHqFlI
Sn23TPwjKC6OuiN9QvMeAiBwAsHP3KqLxbXvE0A33OYaiEtoapXhJr171RYDKf0K
2Q==
-----END CERTIFICATE-----`

type TestServer = { port: number; url: string; connections: () => number; sockets: Set<Socket> }

const INIT = { maxBytes: 1_000, timeoutMs: 10_000 }
const cleanUps: (() => Promise<unknown> | unknown)[] = []

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
  vi.unstubAllEnvs()
})

function guarded(config: GuardedFetchConfig = {}): GuardedFetch {
  const client = createGuardedFetch(config)
  cleanUps.push(() => client.close())
  return client
}

async function listen(server: Server | TcpServer, host = "127.0.0.1"): Promise<TestServer> {
  const sockets = new Set<Socket>()
  let connections = 0
  server.on("connection", (socket: Socket) => {
    connections += 1
    sockets.add(socket)
    // A client that hangs up on us is what many of these tests are about.
    socket.on("error", () => undefined).on("close", () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  cleanUps.push(() => {
    for (const socket of sockets) socket.destroy()
    return new Promise((resolve) => server.close(resolve))
  })
  const { port } = server.address() as AddressInfo
  return { port, url: `http://127.0.0.1:${port}`, connections: () => connections, sockets }
}

const serve = (handler: RequestListener) => listen(createServer(handler))
const serveHello = () => serve((_request, response) => response.end("hello"))
/** Answers every request with these bytes, whatever HTTP thinks of them. */
const serveRaw = (answer: (socket: Socket) => void) =>
  listen(createTcpServer((socket) => socket.once("data", () => answer(socket))))

function resolver(...answers: (readonly string[])[]) {
  return vi.fn<ResolveHost>(async () => answers.shift() ?? [])
}

/** A DNS server whose A records for any name are the next answer each time; it knows no AAAA. `null`: it says nothing. */
async function serveDns(...answers: (readonly string[] | null)[]): Promise<{ server: string; asked: string[] }> {
  const asked: string[] = []
  const socket = createSocket("udp4")
  socket.on("message", (query, { port, address }) => {
    const nameEnd = query.indexOf(0, 12) + 1
    const isA = query.readUInt16BE(nameEnd) === 1
    if (isA)
      asked.push(
        query
          .subarray(13, nameEnd - 1)
          .toString("latin1")
          .replace(/[^a-z0-9-]/g, "."),
      )
    const answer = isA ? answers.shift() : []
    if (answer === null) return
    const header = Buffer.from(query.subarray(0, 12))
    header.writeUInt16BE(0x8180, 2)
    header.writeUInt16BE(answer?.length ?? 0, 6)
    header.writeUInt32BE(0, 8)
    // A pointer to the question's name, type A, class IN, time to live 0, four bytes.
    const records = (answer ?? []).map((ip) =>
      Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, ...ip.split(".").map(Number)]),
    )
    socket.send(Buffer.concat([header, query.subarray(12, nameEnd + 4), ...records]), port, address)
  })
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve))
  cleanUps.push(() => new Promise<void>((resolve) => socket.close(resolve)))
  return { server: `127.0.0.1:${socket.address().port}`, asked }
}

async function failure(fetching: Promise<unknown>): Promise<GuardedFetchError> {
  const error: unknown = await fetching.then(
    (response) => expect.fail(`was not refused: ${JSON.stringify(response)}`),
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(GuardedFetchError)
  return error as GuardedFetchError
}

const text = (body: Uint8Array) => new TextDecoder().decode(body)

describe("the allow-list", () => {
  it("lets 127.0.0.1 be reached by plain http on the listed port, and on no other", async () => {
    const [listed, other] = [await serveHello(), await serveHello()]
    const client = guarded({ allowAddresses: [`127.0.0.1:${listed.port}`] })
    const response = await client.fetch(`${listed.url}/path`, INIT)
    expect({ ...response, body: text(response.body), headers: response.headers.get("content-length") }).toEqual({
      status: 200,
      headers: "5",
      body: "hello",
      truncated: false,
      url: `${listed.url}/path`,
    })
    expect((await failure(client.fetch(other.url, INIT))).code).toBe("address_refused")
    expect(other.connections()).toBe(0)
  })

  it("takes a named host wherever it resolves to, and asks the system about it", async () => {
    const server = await serveHello()
    const resolveHost = resolver(["127.0.0.1"])
    const client = guarded({ allowAddresses: [`minio:${server.port}`], resolveHost })
    expect((await client.fetch(`http://minio:${server.port}`, INIT)).status).toBe(200)
    expect(resolveHost).toHaveBeenCalledExactlyOnceWith("minio", { isNamed: true })
  })

  it("finds localhost without asking anybody when its address is listed", async () => {
    const server = await serveHello()
    const client = guarded({ allowAddresses: [`127.0.0.1:${server.port}`] })
    expect((await client.fetch(`http://localhost:${server.port}`, INIT)).status).toBe(200)
  })
})

describe("the address", () => {
  it.each([
    "127.0.0.1",
    "2130706433",
    "0x7f.1",
    "0177.1",
    "127.1",
    "0",
    "[::ffff:127.0.0.1]",
    "localhost",
    "a.localhost",
  ])("%s is refused before a socket is opened", async (host) => {
    const server = await serveHello()
    const resolveHost = resolver(["127.0.0.1"])
    const client = guarded({ resolveHost, ports: [server.port] })
    for (const scheme of ["http", "https"]) {
      const error = await failure(client.fetch(`${scheme}://${host}:${server.port}`, INIT))
      expect(error.code).toBe("address_refused")
    }
    expect([server.connections(), resolveHost.mock.calls.length]).toEqual([0, 0])
  })

  it("is refused when a public name resolves to it, without a word on what that was", async () => {
    const server = await serveHello()
    const client = guarded({ ports: [server.port], resolveHost: resolver(["127.0.0.1", "::1", "169.254.169.254"]) })
    const error = await failure(client.fetch(`https://rebind.example.com:${server.port}/secret`, INIT))
    expect(error.code).toBe("address_refused")
    expect(error.message).toBe(
      `Cannot fetch https://rebind.example.com:${server.port}: its address is not public, and not in ALLOW_ADDRESSES`,
    )
    expect(error.cause).toBeUndefined()
    expect(server.connections()).toBe(0)
  })

  it("is looked up once a connection, so a name that changes its answer gains nothing", async () => {
    const handler = vi.fn<RequestListener>((_request, response) => response.setHeader("connection", "close").end())
    const server = await listen(createServer(handler), "0.0.0.0")
    // 127.0.0.1 stands for the good address here, 127.0.0.2 for the one that it changes to.
    const resolveHost = resolver(["127.0.0.1"], ["127.0.0.2"])
    const client = guarded({ allowAddresses: [`127.0.0.1:${server.port}`], resolveHost })
    const url = `http://rebind.example.com:${server.port}`
    expect((await client.fetch(url, INIT)).status).toBe(200)
    expect(resolveHost).toHaveBeenCalledTimes(1)
    expect((await failure(client.fetch(url, INIT))).code).toBe("scheme_refused")
    expect([resolveHost.mock.calls.length, handler.mock.calls.length, server.connections()]).toEqual([2, 1, 1])
  })

  it("of a mixed answer is one of the good ones", async () => {
    const localAddresses: unknown[] = []
    const handler: RequestListener = (request, response) => {
      localAddresses.push(request.socket.localAddress)
      response.end()
    }
    const server = await listen(createServer(handler), "0.0.0.0")
    const resolveHost = resolver(["127.0.0.2", "10.0.0.1", "127.0.0.3", "::1"])
    const client = guarded({ allowAddresses: [`127.0.0.3:${server.port}`], resolveHost })
    await client.fetch(`http://mixed.example.com:${server.port}`, INIT)
    expect(localAddresses).toEqual(["127.0.0.3"])
  })

  it("that does not answer is followed by the next", async () => {
    const server = await serveHello()
    const resolveHost = resolver(["127.0.0.2", "127.0.0.1"])
    const client = guarded({ allowAddresses: ["127.0.0.0/8"], resolveHost })
    expect((await client.fetch(`http://two.example.com:${server.port}`, INIT)).status).toBe(200)
  })

  it.each([
    ["fails", vi.fn<ResolveHost>(() => Promise.reject(new Error("queryA ENOTFOUND 10.0.0.53")))],
    ["is empty", vi.fn<ResolveHost>(() => Promise.resolve([]))],
  ])("that %s to resolve is dns_failed", async (_how, resolveHost) => {
    const error = await failure(guarded({ resolveHost }).fetch("https://nowhere.example.com/", INIT))
    expect(error.code).toBe("dns_failed")
    expect(error.message).not.toContain("10.0.0.53")
  })

  it("that a resolver never gives is a timeout", async () => {
    const resolveHost: ResolveHost = () => new Promise(() => undefined)
    const client = guarded({ resolveHost, connectTimeoutMs: 50 })
    expect((await failure(client.fetch("https://slow.example.com/", INIT))).code).toBe("timeout")
  })
})

describe("DNS itself", () => {
  it("that is rebound between two connections gains nothing", async () => {
    const handler = vi.fn<RequestListener>((_request, response) => response.setHeader("connection", "close").end())
    const server = await listen(createServer(handler), "0.0.0.0")
    const dns = await serveDns(["127.0.0.1"], ["127.0.0.2"], ["127.0.0.2", "127.0.0.1"])
    const client = guarded({ allowAddresses: [`127.0.0.1:${server.port}`], dnsServers: [dns.server] })
    const url = `http://rebind.example.com:${server.port}`
    expect((await client.fetch(url, INIT)).status).toBe(200)
    expect((await failure(client.fetch(url, INIT))).code).toBe("scheme_refused")
    expect((await client.fetch(url, INIT)).status).toBe(200)
    expect(dns.asked).toEqual(Array(3).fill("rebind.example.com"))
    expect(server.connections()).toBe(2)
  })

  it("that names a private address for a public name is address_refused", async () => {
    const dns = await serveDns(["10.0.0.1"])
    const client = guarded({ dnsServers: [dns.server] })
    expect((await failure(client.fetch("https://127.0.0.1.nip.io/", INIT))).code).toBe("address_refused")
    expect(dns.asked).toEqual(["127.0.0.1.nip.io"])
  })

  it("that has no answer is dns_failed, and one that says nothing a timeout", async () => {
    const dns = await serveDns([], null, null)
    const client = guarded({ dnsServers: [dns.server] })
    expect((await failure(client.fetch("https://nowhere.example.com/", INIT))).code).toBe("dns_failed")
    const silent = client.fetch("https://silent.example.com/", { ...INIT, timeoutMs: 100 })
    expect((await failure(silent)).code).toBe("timeout")
  })

  it("is not asked about names that no public server knows", async () => {
    const dns = await serveDns()
    const client = guarded({ allowAddresses: ["192.168.0.0/16"], dnsServers: [dns.server] })
    expect((await failure(client.fetch("https://a.localhost/", INIT))).code).toBe("address_refused")
    expect(dns.asked).toEqual([])
  })
})

describe("TLS", () => {
  async function serveTls() {
    const server = await listen(
      createTlsServer({ key: KEY, cert: CERTIFICATE }, (_request, response) => response.end("safe")),
    )
    return { ...server, resolveHost: resolver(["127.0.0.1"]), allowAddresses: [`127.0.0.1:${server.port}`] }
  }

  it("is spoken with the name in the URL", async () => {
    const { port, ...config } = await serveTls()
    const client = guarded({ ...config, ca: CERTIFICATE })
    expect(text((await client.fetch(`https://hooks.example.com.:${port}`, INIT)).body)).toBe("safe")
  })

  it.each([
    ["for another name", "other.example.com", CERTIFICATE],
    ["of nobody we know", "hooks.example.com", undefined],
  ])("refuses a certificate %s, even with NODE_TLS_REJECT_UNAUTHORIZED=0", async (_whose, host, ca) => {
    vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0")
    const { port, ...config } = await serveTls()
    const client = guarded({ ...config, ...(ca === undefined ? {} : { ca }) })
    expect((await failure(client.fetch(`https://${host}:${port}`, INIT))).code).toBe("tls_failed")
  })

  it("that is not there is tls_failed, and a closed port connect_failed", async () => {
    const server = await serveHello()
    const client = guarded({ allowAddresses: ["127.0.0.0/8"] })
    expect((await failure(client.fetch(`https://127.0.0.1:${server.port}`, INIT))).code).toBe("tls_failed")
    const refused = await failure(client.fetch("https://127.0.0.1:1", INIT))
    expect([refused.code, refused.message]).toEqual([
      "connect_failed",
      "Cannot fetch https://127.0.0.1:1: no connection (ECONNREFUSED)",
    ])
  })
})

describe("redirects", () => {
  const redirectTo = (location: () => string, status = 302) =>
    serve((_request, response) => response.writeHead(status, { location: location() }).end("see there"))

  it("are handed back as they are unless asked for", async () => {
    const server = await redirectTo(() => "http://127.0.0.1:1/")
    const response = await guarded({ allowAddresses: ["127.0.0.1"] }).fetch(server.url, INIT)
    expect([response.status, response.headers.get("location"), text(response.body)]).toEqual([
      302,
      "http://127.0.0.1:1/",
      "see there",
    ])
  })

  it.each([
    "http://127.0.0.1:PORT/",
    "//127.0.0.1:PORT/",
    "http://0x7f.1:PORT/",
    "https://localhost:PORT/",
    "http://[::1]:PORT/",
  ])("to %s are refused", async (location) => {
    const secret = await serveHello()
    const server = await redirectTo(() => location.replace("PORT", String(secret.port)))
    const client = guarded({ allowAddresses: [`127.0.0.1:${server.port}`] })
    const error = await failure(client.fetch(server.url, { ...INIT, maxRedirects: 3 }))
    expect(error.code).toBe("address_refused")
    expect(secret.connections()).toBe(0)
  })

  it("to a name are looked up again", async () => {
    const secret = await serveHello()
    const server = await redirectTo(() => `https://rebind.example.com:${secret.port}/`)
    const allowAddresses = [`127.0.0.1:${server.port}`]
    const client = guarded({ allowAddresses, ports: [secret.port], resolveHost: resolver(["127.0.0.1"]) })
    const error = await failure(client.fetch(server.url, { ...INIT, maxRedirects: 3 }))
    expect([error.code, secret.connections()]).toEqual(["address_refused", 0])
  })

  it("end at the limit", async () => {
    const handler = vi.fn<RequestListener>((_request, response) =>
      response.writeHead(307, { location: "/again" }).end(),
    )
    const server = await serve(handler)
    const client = guarded({ allowAddresses: ["127.0.0.1"] })
    const error = await failure(client.fetch(server.url, { ...INIT, maxRedirects: 3 }))
    expect([error.code, handler.mock.calls.length]).toEqual(["too_many_redirects", 4])
  })

  it("whose body never ends are hung up on", async () => {
    const target = await serveHello()
    const server = await serve((_request, response) => response.writeHead(302, { location: target.url }).write("wait"))
    const client = guarded({ allowAddresses: ["127.0.0.1"] })
    expect(text((await client.fetch(server.url, { ...INIT, maxRedirects: 1 })).body)).toBe("hello")
    await expect.poll(() => server.sockets.size).toBe(0)
  })

  it("take neither credentials nor body to another origin", async () => {
    const seen: unknown[] = []
    const target = await serve((request, response) => {
      const { authorization, cookie, "x-api-key": key } = request.headers
      seen.push({ method: request.method, authorization, cookie, key, length: request.headers["content-length"] })
      response.end("there")
    })
    const server = await redirectTo(() => `${target.url}/there`)
    const client = guarded({ allowAddresses: ["127.0.0.1"] })
    const headers = { authorization: "Bearer secret", cookie: "a=b", "x-api-key": "secret" }
    const init = { ...INIT, method: "POST", headers, body: "payload", maxRedirects: 1 } as const
    const response = await client.fetch(server.url, init)
    expect([text(response.body), response.url]).toEqual(["there", `${target.url}/there`])
    expect(seen).toEqual([{ method: "GET" }])
  })
})

describe("a server that never answers or never ends", () => {
  it.each<[string, (socket: Socket) => void]>([
    ["says nothing", () => undefined],
    ["sends its headers byte by byte", (socket) => drip(socket, "HTTP/1.1 200 OK\r\nx-slow: ", "a")],
    ["sends early hints for ever", (socket) => drip(socket, "", "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n")],
    ["sends its body byte by byte", (socket) => drip(socket, "HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n", "a")],
    ["stops in the middle", (socket) => socket.write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc")],
  ])("that %s meets the deadline", async (_how, answer) => {
    const server = await serveRaw(answer)
    const client = guarded({ allowAddresses: ["127.0.0.1"] })
    const error = await failure(client.fetch(server.url, { ...INIT, timeoutMs: 200 }))
    expect([error.code, error.message]).toEqual(["timeout", `Cannot fetch ${server.url}: not done within 200 ms`])
    await expect.poll(() => server.sockets.size).toBe(0)
  })

  it("over redirects, too, meets one deadline", async () => {
    const server = await serve((_request, response) => {
      setTimeout(() => response.writeHead(302, { location: "/again" }).end(), 60)
    })
    const client = guarded({ allowAddresses: ["127.0.0.1"] })
    const error = await failure(client.fetch(server.url, { ...INIT, timeoutMs: 200, maxRedirects: 1_000 }))
    expect(error.code).toBe("timeout")
  })

  it("that streams for ever is cut off at maxBytes", async () => {
    const server = await serve((_request, response) => {
      const pump = () => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536)));
      }
      response.on("drain", pump)
      pump()
    })
    const client = guarded({ allowAddresses: ["127.0.0.1"] })
    expect((await failure(client.fetch(server.url, { ...INIT, maxBytes: 100_000 }))).code).toBe("too_large")
    await expect.poll(() => server.sockets.size).toBe(0)
    const kept = await client.fetch(server.url, { ...INIT, maxBytes: 100_000, onTooLarge: "truncate" })
    expect([kept.status, kept.body.byteLength, kept.truncated]).toEqual([200, 100_000, true])
    await expect.poll(() => server.sockets.size).toBe(0)
  })

  it("needs not end when nothing of its body is wanted", async () => {
    const server = await serveRaw((socket) => socket.write("HTTP/1.1 204 No Content\r\nx: y\r\n\r\n"))
    const client = guarded({ allowAddresses: ["127.0.0.1"] })
    expect((await client.fetch(server.url, { ...INIT, maxBytes: 0, onTooLarge: "truncate" })).status).toBe(204)
  })
})

describe("a server that lies", () => {
  it.each<[string, string, string]>([
    ["promises more than it sends", "content-length: 50\r\n\r\nhello", "connection_lost"],
    ["promises too much", "content-length: 1001\r\n\r\nhello", "too_large"],
    ["promises less than nothing", "content-length: -5\r\n\r\nhello", "bad_response"],
    ["promises two lengths", "content-length: 5\r\ncontent-length: 6\r\n\r\nhello!", "bad_response"],
    ["sends chunks that are none", "transfer-encoding: chunked\r\n\r\nzz\r\n", "bad_response"],
    ["sends headers without end", `x: ${"a".repeat(20_000)}\r\n\r\n`, "bad_response"],
    ["sends headers without number", `${"x: a\r\n".repeat(10_000)}\r\n`, "bad_response"],
    [
      "sends trailers without number",
      `transfer-encoding: chunked\r\n\r\n0\r\n${"x: a\r\n".repeat(10_000)}\r\n`,
      "bad_response",
    ],
  ])("and %s ends in a code", async (_how, response, code) => {
    const server = await serveRaw((socket) => socket.end(`HTTP/1.1 200 OK\r\n${response}`))
    const client = guarded({ allowAddresses: ["127.0.0.1"] })
    expect((await failure(client.fetch(server.url, INIT))).code).toBe(code)
  })

  it("and sends more than it promised is read as far as it promised", async () => {
    const server = await serveRaw((socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello, world"))
    const client = guarded({ allowAddresses: ["127.0.0.1"] })
    expect(text((await client.fetch(server.url, INIT)).body)).toBe("hello")
  })

  it.each<[string, (socket: Socket) => void, string]>([
    ["resets", (socket) => socket.resetAndDestroy(), "connection_lost"],
    ["hangs up", (socket) => socket.end(), "connection_lost"],
    ["speaks SSH", (socket) => socket.end("SSH-2.0-OpenSSH_9.6\r\n"), "bad_response"],
    [
      "switches protocols",
      (socket) => socket.end("HTTP/1.1 101 X\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
      "connection_lost",
    ],
  ])("and %s ends in a code", async (_how, answer, code) => {
    const server = await serveRaw(answer)
    const client = guarded({ allowAddresses: ["127.0.0.1"] })
    expect((await failure(client.fetch(server.url, INIT))).code).toBe(code)
  })

  it("and names its headers after the language's own gets them back as text", async () => {
    const server = await serveRaw((socket) =>
      socket.end("HTTP/1.1 200 OK\r\n__proto__: a\r\n__proto__: b\r\nx: \xe9\r\n\r\n", "latin1"),
    )
    const { headers } = await guarded({ allowAddresses: ["127.0.0.1"] }).fetch(server.url, INIT)
    expect([headers.get("__proto__"), headers.get("x")]).toEqual(["a, b", "\xe9"])
  })

  it("and sends a gzip bomb unasked has it handed on as it is", async () => {
    const bomb = gzipSync(Buffer.alloc(10_000_000))
    const accepted: unknown[] = []
    const server = await serve((request, response) => {
      accepted.push(request.headers["accept-encoding"])
      response.setHeader("content-encoding", "gzip").end(bomb)
    })
    const client = guarded({ allowAddresses: ["127.0.0.1"] })
    const response = await client.fetch(server.url, { ...INIT, maxBytes: bomb.byteLength })
    expect([accepted, response.body.byteLength]).toEqual([["identity"], bomb.byteLength])
  })
})

describe("what is sent", () => {
  it("is the request, and nothing that the environment or an earlier answer put there", async () => {
    const proxy = await serveHello()
    vi.stubEnv("HTTP_PROXY", proxy.url)
    vi.stubEnv("http_proxy", proxy.url)
    vi.stubEnv("NODE_USE_ENV_PROXY", "1")
    const seen: unknown[] = []
    const server = await serve(async (request, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk)
      const { host, connection, ...headers } = request.headers
      seen.push({ line: `${request.method} ${request.url}`, headers, body: Buffer.concat(chunks).toString() })
      response.setHeader("set-cookie", "session=1").end()
    })
    const client = guarded({ allowAddresses: ["127.0.0.1"] })
    const headers = { "content-type": "application/json", "webhook-id": "msg_1" }
    await client.fetch(`${server.url}/a?b=c#d`, {
      ...INIT,
      method: "POST",
      headers,
      body: new TextEncoder().encode("{}"),
    })
    await client.fetch(`${server.url}/a`, { ...INIT, method: "HEAD" })
    const common = { "accept-encoding": "identity", "user-agent": "claimcheck" }
    expect(seen).toEqual([
      { line: "POST /a?b=c", headers: { ...common, ...headers, "content-length": "2" }, body: "{}" },
      { line: "HEAD /a", headers: common, body: "" },
    ])
    expect(proxy.connections()).toBe(0)
  })
})

describe("bounds and ends", () => {
  it("keeps a connection for its origin, and looks a name up once for each", async () => {
    const server = await serveHello()
    const resolveHost = vi.fn<ResolveHost>(async () => ["127.0.0.1"])
    const client = guarded({ allowAddresses: ["127.0.0.1"], resolveHost })
    for (let i = 0; i < 10; i += 1) await client.fetch(`http://kept.example.com:${server.port}`, INIT)
    expect(server.connections()).toBeLessThanOrEqual(2)
    expect(resolveHost).toHaveBeenCalledTimes(server.connections())
  })

  it("uses at most maxConnectionsPerOrigin, and one signal for many without a warning", async () => {
    const warnings: unknown[] = []
    const warn = (warning: Error) => void warnings.push(warning)
    process.on("warning", warn)
    cleanUps.push(() => process.off("warning", warn))
    const server = await serveHello()
    const client = guarded({ allowAddresses: ["127.0.0.1"], maxConnectionsPerOrigin: 2 })
    const { signal } = new AbortController()
    const responses = await Promise.all(Array.from({ length: 30 }, () => client.fetch(server.url, { ...INIT, signal })))
    expect(responses.map(({ status }) => status)).toEqual(Array(30).fill(200))
    expect(server.connections()).toBeLessThanOrEqual(2)
    expect(warnings).toEqual([])
  })

  it("lets maxInFlight through at once, and the deadline counts the wait", async () => {
    const handler = vi.fn<RequestListener>()
    const server = await serve(handler)
    const client = guarded({ allowAddresses: ["127.0.0.1"], maxInFlight: 1 })
    const codes = await Promise.all(
      [300, 100].map(async (timeoutMs) => (await failure(client.fetch(server.url, { ...INIT, timeoutMs }))).code),
    )
    expect([codes, handler.mock.calls.length]).toEqual([["timeout", "timeout"], 1])
  })

  it("stops at the caller's signal, with its reason", async () => {
    const server = await serve((_request, response) => response.write("and so"))
    const client = guarded({ allowAddresses: ["127.0.0.1"] })
    const controller = new AbortController()
    const fetching = client.fetch(server.url, { ...INIT, signal: controller.signal })
    await expect.poll(() => server.sockets.size).toBe(1)
    const reason = new Error("enough")
    controller.abort(reason)
    await expect(fetching).rejects.toBe(reason)
    await expect.poll(() => server.sockets.size).toBe(0)
    await expect(client.fetch(server.url, { ...INIT, signal: controller.signal })).rejects.toBe(reason)
  })

  it("close() ends what is in flight and what waits, and refuses what comes later", async () => {
    const server = await serve((_request, response) => response.write("and so"))
    const client = guarded({ allowAddresses: ["127.0.0.1"], maxInFlight: 1 })
    const fetching = [failure(client.fetch(server.url, INIT)), failure(client.fetch(server.url, INIT))]
    await expect.poll(() => server.sockets.size).toBe(1)
    await client.close()
    expect((await Promise.all(fetching)).map(({ code }) => code)).toEqual(["closed", "closed"])
    expect((await failure(client.fetch(server.url, INIT))).code).toBe("closed")
    await expect.poll(() => server.sockets.size).toBe(0)
  })
})

function drip(socket: Socket, start: string, again: string): void {
  socket.write(start)
  const timer = setInterval(() => socket.write(again), 10)
  socket.on("close", () => clearInterval(timer))
}
