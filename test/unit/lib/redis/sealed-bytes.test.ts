import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { createSealer } from "../../../../src/lib/redis/sealed-bytes.ts"

const NEW = "the newest secret, of 32 characters or more"
const OLD = "an older secret, of 32 characters or more"
const unreadable = (why: RegExp) =>
  expect.objectContaining({ code: "payload_unreadable", message: expect.stringMatching(why) })
const bytesOf = (text: string) => new TextEncoder().encode(text)

describe("createSealer()", () => {
  const sealer = createSealer([NEW, OLD])

  it("opens what it sealed, whatever the bytes and the name are", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 3_000 }), fc.string(), async (bytes, id) => {
        const sealed = await sealer.seal(bytes, id)
        expect(sealed.length).toBe(bytes.length + sealer.overheadBytes)
        expect(await sealer.open(sealed, id)).toEqual(bytes)
      }),
      { numRuns: 50 },
    )
  })

  it("seals the same bytes differently each time, and shows none of them", async () => {
    const bytes = bytesOf("a picture that nobody else may see".repeat(100))
    const [first, second] = [await sealer.seal(bytes, "p1"), await sealer.seal(bytes, "p1")]
    expect(Buffer.compare(first, second)).not.toBe(0)
    for (const sealed of [first, second]) expect(Buffer.from(sealed).includes("a picture")).toBe(false)
  })

  it("opens them under their own name alone", async () => {
    const sealed = await sealer.seal(bytesOf("mine"), "p1")
    await expect(sealer.open(sealed, "p2")).rejects.toEqual(unreadable(/was changed/))
  })

  it("refuses bytes with any bit changed, and bytes that were cut", async () => {
    const sealed = await sealer.seal(bytesOf("abc"), "p1")
    for (let at = 4; at < sealed.length; at++) {
      const changed = sealed.with(at, (sealed[at] ?? 0) ^ 1)
      await expect(sealer.open(changed, "p1"), String(at)).rejects.toEqual(unreadable(/changed|not known/))
    }
    for (let length = 4; length < sealed.length; length++) {
      await expect(sealer.open(sealed.slice(0, length), "p1")).rejects.toEqual(unreadable(/changed|not known/))
    }
  })

  it("opens with an older secret what was sealed with it, and seals with the newest", async () => {
    const old = createSealer([OLD])
    expect(await sealer.open(await old.seal(bytesOf("abc"), "p"), "p")).toEqual(bytesOf("abc"))
    await expect(old.open(await sealer.seal(bytesOf("abc"), "p"), "p")).rejects.toEqual(unreadable(/not known here/))
  })

  it("without a secret leaves bytes as they are, and says so of sealed ones", async () => {
    const open = createSealer([])
    expect(await open.seal(bytesOf("abc"), "p")).toEqual(bytesOf("abc"))
    expect(open.overheadBytes).toBe(0)
    await expect(open.open(await sealer.seal(bytesOf("abc"), "p"), "p")).rejects.toEqual(unreadable(/not known here/))
  })

  it("refuses bytes that nobody sealed, unless it is told to accept them while others begin to seal", async () => {
    const changeOver = createSealer([NEW, OLD], { acceptsPlain: true })
    for (const bytes of [bytesOf(""), Uint8Array.of(0x93), Uint8Array.of(0xff, 0xd8, 0xff), bytesOf("text")]) {
      await expect(sealer.open(bytes, "p")).rejects.toEqual(unreadable(/not sealed.*PAYLOAD_SECRET_ACCEPTS_PLAIN/))
      expect(await changeOver.open(bytes, "p")).toEqual(bytes)
    }
  })

  it("seals a text as a text, under its name alone, and holds plain ones to the same rule", async () => {
    const sealed = await sealer.sealText("whsec_ü", "a")
    expect(sealed).toMatch(/^sealed:[A-Za-z0-9+/=]+$/)
    expect(await sealer.openText(sealed, "a")).toBe("whsec_ü")
    await expect(sealer.openText(sealed, "b")).rejects.toEqual(unreadable(/was changed/))
    await expect(createSealer([]).openText(sealed, "a")).rejects.toEqual(unreadable(/not known here/))
    await expect(sealer.openText("whsec_plain", "a")).rejects.toEqual(unreadable(/not sealed/))
    await expect(sealer.openText("sealed:!", "a")).rejects.toEqual(unreadable(/not sealed/))
    expect(await createSealer([NEW], { acceptsPlain: true }).openText("whsec_plain", "a")).toBe("whsec_plain")
    expect(await createSealer([]).sealText("whsec_plain", "a")).toBe("whsec_plain")
  })
})
