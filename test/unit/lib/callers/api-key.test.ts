import fc from "fast-check"
import { describe, expect, it } from "vitest"
import {
  hashApiKey,
  hasRightChecksum,
  KEY_NAME,
  looksLikeApiKey,
  newApiKey,
} from "../../../../src/lib/callers/api-key.ts"
import { addressCaller, prefix48Of } from "../../../../src/lib/callers/caller-id.ts"

describe("newApiKey()", () => {
  it("makes keys that nobody guesses, of which none is another", async () => {
    const keys = await Promise.all(Array.from({ length: 1_000 }, () => newApiKey()))
    expect(new Set(keys.map((key) => key.slice(3, 35))).size).toBe(1_000)
    for (const key of keys) {
      expect(key).toMatch(/^ck_[0-9a-hjkmnp-tv-z]{38}$/)
      expect(looksLikeApiKey(key) && (await hasRightChecksum(key))).toBe(true)
    }
  })

  it("has a checksum that no typo fits: a character changed, two swapped, one lost or doubled", async () => {
    const key = await newApiKey()
    const cut = (at: number, text: string, length: number) => key.slice(0, at) + text + key.slice(at + length)
    for (let at = 3; at < key.length; at++) {
      const [one = "", two = ""] = key.slice(at)
      const typos = [
        cut(at, one === "0" ? "1" : "0", 1),
        cut(at, one.toUpperCase(), 1),
        cut(at, "", 1),
        cut(at, one + one, 1),
      ]
      for (const typo of [...typos, cut(at, two + one, 2)])
        if (typo !== key) expect(await hasRightChecksum(typo), typo).toBe(false)
    }
  })

  it("takes no other text for a key", async () => {
    await fc.assert(
      fc.asyncProperty(fc.string(), async (text) => {
        expect(await hasRightChecksum(`ck_${text}`)).toBe(false)
      }),
    )
  })
})

describe("hashApiKey()", () => {
  it("is what `sha256sum` says", async () => {
    expect(await hashApiKey("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
  })
})

describe("KEY_NAME", () => {
  it.each(["a", "Alice_2.x-y", "9", "a".repeat(64)])("takes %j", (name) => expect(name).toMatch(KEY_NAME))
  it.each(["", ".a", "-a", "a b", "a:b", "a,b", "ä", "a".repeat(65), "a\n"])("refuses %j", (name) => {
    expect(name).not.toMatch(KEY_NAME)
  })
})

describe("addressCaller()", () => {
  it.each([
    ["203.0.113.7", "ip:203.0.113.7"],
    ["::ffff:203.0.113.7", "ip:203.0.113.7"],
    ["::FFFF:cb00:7107", "ip:203.0.113.7"],
    ["2001:db8:1:1234:3:4:5:6", "ip:2001:db8:1:1200::/56"],
    ["2001:DB8:1:2:ffff::", "ip:2001:db8:1:0::/56"],
    ["2001:0db8:0001:0002::1", "ip:2001:db8:1:0::/56"],
    ["2001:db8::1", "ip:2001:db8:0:0::/56"],
    ["fe80::1%eth0", "ip:fe80:0:0:0::/56"],
    ["::1", "ip:0:0:0:0::/56"],
    ["::", "ip:0:0:0:0::/56"],
  ])("counts %s as %s", (address, caller) => expect(addressCaller(address)).toBe(caller))

  it.each(["unknown", "", ":", ":::", "1::2::3", "1:2:3", "1:2:3:4:5:6:7:8:9", "g::1", "12345::"])(
    "leaves %j, which is no address, as it is",
    (address) => expect(addressCaller(address)).toBe(`ip:${address}`),
  )

  it.each([
    ["2001:db8:1:2:3:4:5:6", "ip:2001:db8:1::/48"],
    ["2001:DB8:1:ffff::", "ip:2001:db8:1::/48"],
    ["203.0.113.7", null],
    ["::ffff:203.0.113.7", null],
    ["unknown", null],
  ])("prefix48Of() the caller at %s is %s", (address, prefix48) =>
    expect(prefix48Of(addressCaller(address))).toBe(prefix48),
  )

  it("tells two networks apart, and no two addresses of one", () => {
    const group = fc.nat(0xffff).map((number) => number.toString(16))
    const half = fc.array(group, { minLength: 4, maxLength: 4 }).map((groups) => groups.join(":"))
    const network = fc
      .tuple(group, group, group, fc.nat(0xff))
      .map(([a, b, c, d]) => `${a}:${b}:${c}:${(d << 8).toString(16)}`)
    fc.assert(
      fc.property(network, half, network, half, (net, host, otherNet, otherHost) => {
        fc.pre(
          !`${net}:${host}`.startsWith("0:0:0:0:0:ffff") && !`${otherNet}:${otherHost}`.startsWith("0:0:0:0:0:ffff"),
        )
        expect(addressCaller(`${net}:${host}`)).toBe(addressCaller(`${net}:${otherHost}`))
        expect(addressCaller(`${net}:${host}`) === addressCaller(`${otherNet}:${host}`)).toBe(net === otherNet)
      }),
    )
  })
})
