import { describe, expect, it } from "vitest"
import { readBulkString } from "../../../../src/lib/redis/bulk-string.ts"

async function* inPieces(text: string, size: number) {
  const bytes = new TextEncoder().encode(text)
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

const read = async (text: string, size = text.length) => {
  const bytes = await readBulkString(inPieces(text, size))
  return bytes && new TextDecoder().decode(bytes)
}

describe("readBulkString()", () => {
  it("reads the same however it comes in, line ends in the bytes included", async () => {
    const reply = "$12\r\nab\r\ncd\n$1\r\r\n\r\n"
    for (let size = 1; size <= reply.length; size++) expect(await read(reply, size)).toBe("ab\r\ncd\n$1\r\r\n")
    expect(await read("$0\r\n\r\n", 1)).toBe("")
  })

  it("gives the bytes a buffer to themselves", async () => {
    const bytes = await readBulkString(inPieces("$3\r\nabc\r\n", 4))
    expect(bytes?.buffer.byteLength).toBe(3)
  })

  it("is null for what is not there", async () => {
    for (const text of ["$-1\r\n", "*-1\r\n"]) for (const size of [1, 5]) expect(await read(text, size)).toBeNull()
  })

  it("reads to the end of what it was given, so that the connection can be used again", async () => {
    let isRead = false
    async function* pieces() {
      yield new TextEncoder().encode("$-1\r\n")
      yield new TextEncoder().encode("more")
      isRead = true
    }
    await readBulkString(pieces())
    expect(isRead).toBe(true)
  })

  it.each(["", "$", "$3\r", "$3\r\nab"])("refuses a reply that breaks off: %j", async (text) => {
    await expect(read(text, 1)).rejects.toThrow("broke off")
  })

  it.each(["-ERR no\r\n", ":3\r\nabc", "$x\r\n", "$99999999999\r\n", "<html><body>a proxy's own words"])(
    "refuses what is no bulk string: %j",
    async (text) => {
      for (const size of [1, 100]) await expect(read(text, size)).rejects.toThrow("not a RESP2 bulk string")
    },
  )
})
