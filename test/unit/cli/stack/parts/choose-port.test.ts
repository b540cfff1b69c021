import { createServer } from "node:net"
import { describe, expect, test } from "vitest"
import { choosePort, isPortFree } from "../../../../../src/cli/stack/parts/choose-port.ts"

const takenPorts =
  (...taken: number[]) =>
  async (port: number) =>
    !taken.includes(port)

describe("choosePort()", () => {
  test("keeps the wished port when it is free", async () => {
    const wish = { name: "GATEWAY_PORT", port: 8079, fixed: false }
    expect(await choosePort(wish, takenPorts())).toEqual({ port: 8079, moved: false })
  })

  test("takes the next free one that no other part was given", async () => {
    const wish = { name: "GATEWAY_PORT", port: 8079, fixed: false }
    expect(await choosePort(wish, takenPorts(8079, 8080), new Set([8081]))).toEqual({ port: 8082, moved: true })
  })

  test("refuses to move a port that somebody asked for", async () => {
    const wish = { name: "PORT", port: 8787, fixed: true }
    await expect(choosePort(wish, takenPorts(8787))).rejects.toThrow("Cannot listen on PORT=8787")
  })

  test("ends at the last port there is", async () => {
    await expect(choosePort({ name: "PORT", port: 65_535, fixed: false }, async () => false)).rejects.toThrow(
      "Cannot find a free port for PORT",
    )
  })
})

describe("isPortFree()", () => {
  test("sees a listener, and its end", async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    expect(await isPortFree(port)).toBe(false)
    await new Promise((resolve) => server.close(resolve))
    expect(await isPortFree(port)).toBe(true)
  })
})
