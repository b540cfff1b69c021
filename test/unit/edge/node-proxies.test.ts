import { describe, expect, it } from "vitest"
import { trustProxies } from "../../../src/edge/node-proxies.ts"

describe("trustProxies()", () => {
  it("believes no header unless a proxy is named, and none from elsewhere", () => {
    expect(trustProxies()("127.0.0.1", "203.0.113.9")).toBe("127.0.0.1")
    expect(trustProxies("10.0.0.0/8")("192.0.2.1", "203.0.113.9")).toBe("192.0.2.1")
    expect(trustProxies("10.0.0.0/8")("unknown", "203.0.113.9")).toBe("unknown")
  })

  it.each([
    ["10.0.0.1", "203.0.113.9", "203.0.113.9"],
    ["::ffff:10.0.0.1", "203.0.113.9", "203.0.113.9"],
    ["fd00::1", "2001:db8::1", "2001:db8::1"],
    ["10.0.0.1", "203.0.113.9, 10.2.3.4", "203.0.113.9"],
    // What the client wrote itself stands before what the first proxy saw.
    ["10.0.0.1", "198.51.100.7, 203.0.113.9", "203.0.113.9"],
    ["10.0.0.1", "10.9.9.9, 203.0.113.9", "203.0.113.9"],
    ["10.0.0.1", "198.51.100.7,203.0.113.9 ,10.2.3.4", "203.0.113.9"],
    // Nothing that can be believed: the proxy itself.
    ["10.0.0.1", undefined, "10.0.0.1"],
    ["10.0.0.1", "", "10.0.0.1"],
    ["10.0.0.1", "198.51.100.7, unknown", "10.0.0.1"],
    ["10.0.0.1", "198.51.100.7, 1", "10.0.0.1"],
    ["10.0.0.1", "198.51.100.7,", "10.0.0.1"],
    ["10.0.0.1", "10.2.3.4", "10.2.3.4"],
    ["10.0.0.1", `${"10.2.3.4,".repeat(1_000)}10.2.3.4`, "10.2.3.4"],
  ])("%s says %s: %s", (peer, forwardedFor, client) => {
    expect(trustProxies("10.0.0.0/8, fd00::/8")(peer, forwardedFor)).toBe(client)
  })

  it("takes single addresses, and refuses what is none without repeating it", () => {
    expect(trustProxies("10.0.0.1")("10.0.0.2", "203.0.113.9")).toBe("10.0.0.2")
    for (const bad of ["proxy.internal", "10.0.0.0/33", "fd00::/129", "10.0.0.0/", "10.1", "*"]) {
      const hint = "Cannot start: TRUSTED_PROXIES must be addresses or ranges like 10.0.0.0/8"
      expect(() => trustProxies(bad)).toThrow(hint)
    }
  })
})
