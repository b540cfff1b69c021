import { describe, expect, it } from "vitest"
import { checkRow } from "../../../../../src/edge/batches/list/check-row.ts"
import type { InputRow } from "../../../../../src/edge/batches/list/input-row.ts"
import { LIST_LIMITS } from "../../../../../src/edge/batches/list/list-limits.ts"
import { type ListSource, readList } from "../../../../../src/edge/batches/list/read-list.ts"
import { splitUrls } from "../../../../../src/edge/batches/list/split-urls.ts"
import { findUrlColumn } from "../../../../../src/edge/batches/list/url-column.ts"
import { BodyStream } from "../../../../../src/edge/batches/read-stream.ts"
import { delimitedCell } from "../../../../../src/edge/batches/results/delimited-cell.ts"
import { FilePart } from "../../../../../src/edge/http/file-part.ts"
import { RequestBody } from "../../../../../src/edge/http/request-body.ts"
import { checkPictureUrl } from "../../../../../src/edge/uploads/picture-url.ts"
import { AppError } from "../../../../../src/lib/app-error.ts"
import { sleep } from "../../../../../src/lib/sleep.ts"

const limits = { ...LIST_LIMITS, maxRows: 1_000 }

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array, undefined> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size)
}

async function read(list: string | Uint8Array, { size = 7, ...source }: Partial<ListSource> & { size?: number } = {}) {
  const bytes = typeof list === "string" ? new TextEncoder().encode(list) : list
  const open = await readList({ body: pieces(bytes, size), contentType: "", limits, ...source })
  const rows: InputRow[] = []
  for await (const page of open.pages) rows.push(...page)
  return { rows, columns: open.columns.names, format: open.format, hasMark: open.hasMark }
}

const urlsOf = (rows: readonly InputRow[]) => rows.map(({ urls }) => urls)
const utf16 = (text: string, littleEndian: boolean) => {
  const bytes = new Uint8Array(2 + 2 * text.length)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, 0xfeff, littleEndian)
  for (let i = 0; i < text.length; i++) view.setUint16(2 + 2 * i, text.charCodeAt(i), littleEndian)
  return bytes
}
const refusal = async (work: Promise<unknown>) => {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  )
  return error instanceof AppError ? `${error.code}: ${error.message}` : error
}

const PRODUCTS = [
  "S.No,Product Name,Input Image URLs",
  '1,SKU1,"https://a.example/1.jpg,https://a.example/2.jpg, https://a.example/3.jpg"',
  '2,"SKU, two",https://a.example/4.jpg',
].join("\n")

describe("readList()", () => {
  it("finds the column of the teaching project's products, divides its cell, and keeps all others", async () => {
    const { rows, columns } = await read(PRODUCTS)
    expect(columns).toEqual(["S.No", "Product Name", "Input Image URLs"])
    expect(urlsOf(rows)).toEqual([
      ["https://a.example/1.jpg", "https://a.example/2.jpg", "https://a.example/3.jpg"],
      ["https://a.example/4.jpg"],
    ])
    expect(rows[1]?.cells).toEqual(["2", "SKU, two", "https://a.example/4.jpg"])
  })

  it("refuses a list whose line ends `curl -d @FILE` took out, and takes JSON that was typed after -d", async () => {
    const form = "application/x-www-form-urlencoded"
    const glued = (list: string, contentType: string) =>
      refusal(read(list.replaceAll("\n", ""), { contentType, size: 64_000 }))
    const lists = [
      "url\nhttps://a.example/1\nhttps://a.example/2",
      "id,url\n1,https://a.example/1\n2,https://a.example/2",
      "https://a.example/1\nhttps://a.example/2",
      '{"url":"https://a.example/1"}\n{"url":"https://a.example/2"}',
    ]
    for (const list of lists) {
      expect(await glued(list, form), list).toMatch(
        /^bad_request: .*curl -d.*use --data-binary @FILE, and for a list of one line -H/,
      )
      expect((await read(list, { contentType: form })).rows).toHaveLength(2)
    }
    // Said to be CSV: told by a header's word before a URL.
    for (const list of [lists[0] ?? "", "url,id\nhttps://a.example/1,1\nhttps://a.example/2,2"]) {
      expect(await glued(list, "text/csv"), list).toMatch(/^bad_request: .*use --data-binary @FILE$/)
    }
    const typed = ['["https://a.example/1"]', '["https://a.example/1","https://a.example/2"]']
    for (const [i, list] of typed.entries()) expect((await read(list, { contentType: form })).rows).toHaveLength(i + 1)
    expect((await read('{"url":"https://a.example/1"}', { contentType: form })).rows).toHaveLength(1)
    // What --data-binary sends of a file with one URL.
    expect((await read("https://a.example/1", { contentType: form })).rows).toHaveLength(1)
    expect((await read("https://a.example/1", { contentType: "text/csv" })).rows).toHaveLength(1)
    expect((await read("https://a.example/?next=https://b.example", { contentType: "text/csv" })).rows).toHaveLength(1)
  })

  it.each([1, 2, 3, 5, 64_000])("reads the same whichever way the bytes are cut (%i at a time)", async (size) => {
    const list =
      'id,url,note\r\n1,https://a.example/ü.jpg,"say ""hi""\r\nthere"\r2,https://b.example,\n\n3,"https://c.example",x'
    for (const bytes of [new TextEncoder().encode(list), utf16(list, true), utf16(list, false)]) {
      const { rows, columns } = await read(bytes, { size })
      expect(columns).toEqual(["id", "url", "note"])
      expect(rows.map(({ cells }) => cells)).toEqual([
        ["1", "https://a.example/ü.jpg", 'say "hi"\r\nthere'],
        ["2", "https://b.example", ""],
        ["3", "https://c.example", "x"],
      ])
      expect(rows.map(({ line }) => line)).toEqual([2, 4, 6])
    }
  })

  it("reads a UTF-8 list with a byte order mark, and says that it had one", async () => {
    const { columns, hasMark } = await read("\uFEFFurl\nhttps://a.example")
    expect({ columns, hasMark }).toEqual({ columns: ["url"], hasMark: true })
  })

  it("takes a first record with a URL for a row", async () => {
    const { rows, columns } = await read("17\thttps://a.example/17.jpg\n18\thttps://a.example/18.jpg\n")
    expect(columns).toEqual(["column_1", "url"])
    expect(rows).toHaveLength(2)
  })

  it("tells commas, semicolons and tabs apart by the first line", async () => {
    for (const delimiter of [",", ";", "\t"]) {
      const { rows } = await read(`id${delimiter}url\n1${delimiter}https://a.example/x\n`)
      expect(urlsOf(rows)).toEqual([["https://a.example/x"]])
    }
  })

  it("reads JSON arrays and JSON Lines of URLs and of objects", async () => {
    const objects = [
      { id: 7, image_url: "https://a.example/1" },
      { id: 8, image_url: ["https://a.example/2", "https://a.example/3"], more: { a: "]}," } },
    ]
    const both = [JSON.stringify(objects, null, 2), objects.map((object) => JSON.stringify(object)).join("\n")]
    for (const list of both) {
      const { rows, columns } = await read(list)
      expect(columns).toEqual(["id", "image_url", "more"])
      expect(urlsOf(rows)).toEqual([["https://a.example/1"], ["https://a.example/2", "https://a.example/3"]])
      expect(rows[1]?.cells).toEqual(["8", "https://a.example/2,https://a.example/3", '{"a":"]},"}'])
    }
    expect(urlsOf((await read('["https://a.example/1" , "https://a.example/2"]')).rows)).toEqual([
      ["https://a.example/1"],
      ["https://a.example/2"],
    ])
    expect((await read("[ ]")).rows).toEqual([])
  })

  it("keeps the values of a JSON list as they were sent, digit for digit", async () => {
    const sent = [
      '{"id":1193274837465123457,"url":"https://a.example/1","price":1.50,"sold":false,"size":1e400,"gone":null}',
      '{"url":"https://a.example/2", "size" : -0 , "id":9007199254740993 , "more":{ "id": [12345678901234567890, "a \\" b"] }}',
      '{"\\u0069d":1,"id":20.0,"url":["https://a.example/3"],"price":[1.0,"x"]}',
    ]
    for (const list of [sent.join("\n"), `[${sent.join(" ,\n")}]`]) {
      const { rows, columns } = await read(list)
      const kept = rows.map(({ cells }) =>
        Object.fromEntries(columns.flatMap((name, i) => (cells[i] == null ? [] : [[name, cells[i]]]))),
      )
      expect(kept).toEqual([
        { id: "1193274837465123457", url: "https://a.example/1", price: "1.50", sold: "false", size: "1e400" },
        {
          id: "9007199254740993",
          url: "https://a.example/2",
          size: "-0",
          more: '{"id":[12345678901234567890,"a \\" b"]}',
        },
        { id: "20.0", url: "https://a.example/3", price: '[1.0,"x"]' },
      ])
    }
  })

  it("refuses a URL field with anything but texts in its array", async () => {
    for (const urls of ['["https://a.example/1",5]', '[null,"https://a.example/1"]', '[["https://a.example/1"]]']) {
      const { rows } = await read(`{"url":"https://a.example/0"}\n{"url":${urls}}`)
      expect(
        rows.map((row, i) => "problem" in checkRow(row, i + 1, 100)),
        urls,
      ).toEqual([false, true])
    }
  })

  it("takes no row that brings the names of a JSON list's fields past their limit", async () => {
    const url = "https://a.example/1"
    const long = { url, ["n".repeat(LIST_LIMITS.maxNameChars)]: 1 }
    const { rows, columns } = await read([{ url }, long, { url, id: 7 }].map((row) => JSON.stringify(row)).join("\n"))
    expect(columns).toEqual(["url", "id"])
    expect(rows.map(({ problem }) => problem !== undefined)).toEqual([false, true, false])
  })

  it("refuses what never ends or cannot be read, and says where", async () => {
    const refused = {
      'url\n"https://a.example\nhttps://b.example': /invalid_list.*line 2, column 1 never closes/,
      [`url,note\nhttps://a.example,${"x".repeat(40_000)}`]: /invalid_list.*column 2.*line 2 has more than 32768/,
      [`url,note\nhttps://a.example,"${"x".repeat(40_000)}`]: /a quote may not be closed/,
      [`url\n${"x,".repeat(200)}`]: /more than 100 columns/,
      [`url${',"123456789"'.repeat(50)}\n${`"${"y".repeat(30_000)}",`.repeat(6)}`]: /more than 131072 characters/,
      [`url,${"n".repeat(16_400)}\nhttps://a.example,1`]: /columns' names have more than 16384 characters/,
      "name,price\ncat,1": /no column is named like `url`; there are "name", "price"/,
      '[{"url":"https://a.example"}': /ends before its array does/,
      '[{"url":"https://a.example"}] x': /not one array/,
      '{"url":"https://a.example"}\n{"url"': /line 2 is not JSON/,
      '{"name":"cat"}': /no column is named like/,
      [`["${"x".repeat(140_000)}"]`]: /more than 131072 characters/,
      [`{"url":"${"x".repeat(140_000)}"}`]: /more than 131072 characters/,
      "url\0\nhttps://a.example": /NUL/,
    }
    for (const [list, reason] of Object.entries(refused)) {
      expect(await refusal(read(list, { size: 4_096 })), list.slice(0, 40)).toMatch(reason)
    }
    expect(await refusal(read(new Uint8Array([0x75, 0x72, 0x6c, 0x0a, 0xff, 0xfe, 0x41])))).toMatch(/not utf-8/)
    expect(await refusal(read("url", { contentType: "text/csv; charset=klingon" }))).toMatch(/charset "klingon"/)
    expect(await refusal(read("id,picture\n1,x", { urlColumn: "photo" }))).toMatch(/named "photo"/)
  })

  it("works on a record that comes in single bytes in proportion to its length", async () => {
    const cpuMsOf = async (chars: number) => {
      const record = JSON.stringify({ url: "https://a.example/1.jpg", note: "x".repeat(chars) })
      const start = process.cpuUsage()
      expect((await read(`${record}\n${record}`, { size: 1, format: "jsonl" })).rows).toHaveLength(2)
      const { user, system } = process.cpuUsage(start)
      return (user + system) / 1_000
    }
    await cpuMsOf(1_000) // Compiles.
    // Eight times the length: eight times the work; looked at again with each byte it would be 64 times.
    const [short, long] = [
      await cpuMsOf((LIST_LIMITS.maxRowChars - 100) / 8),
      await cpuMsOf(LIST_LIMITS.maxRowChars - 100),
    ]
    expect(long / short).toBeLessThan(24)
  })

  it("reads what is not UTF-8 when its charset is said", async () => {
    const latin = new Uint8Array([...new TextEncoder().encode("url,name\nhttps://a.example,caf"), 0xe9])
    expect((await read(latin, { contentType: "text/csv; charset=windows-1252" })).rows[0]?.cells[1]).toBe("café")
  })

  it("says that a row has more cells than there are columns", async () => {
    const { rows } = await read("id,url\n1,https://a.example,https://b.example")
    expect(rows[0]?.problem).toBe("has 3 cells where the header has 2")
  })
})

describe("FilePart", () => {
  const FIELD = '--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nm\r\n'
  const FILE = '--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\nurl\r\n--b--\r\n'
  const partOf = (body: string) => {
    const request = new Request("https://edge.example", { method: "POST", body })
    const rules = { minBytesPerS: () => 1, BODY_TIMEOUT_MS: 60_000, hold: () => undefined, now: Date.now, sleep }
    return new FilePart(new BodyStream(new RequestBody(request, rules), 1e9), "b")
  }
  const open = (body: string) => partOf(body).open()

  it("refuses a field behind the file, which would be forgotten in silence; files and ends of any cut are read", async () => {
    const readAll = async (body: string) => {
      const part = partOf(body)
      await part.open()
      let text = ""
      for (let next = await part.next(); !next.done; next = await part.next())
        text += new TextDecoder().decode(next.value)
      return text
    }
    expect(await readAll(FILE)).toBe("url")
    expect(await readAll(FILE.slice(0, -4))).toBe("url")
    expect(await refusal(readAll(FILE.replace("--b--\r\n", FIELD)))).toMatch(/^bad_request: .* field behind its file/)
  })

  it("takes the fields before the file, as many as there may be options", async () => {
    expect(await open(FIELD.repeat(64) + FILE)).toEqual(Array(64).fill(["model", "m"]))
    expect(await refusal(open(FIELD.repeat(65) + FILE))).toMatch(/^bad_request: .* more than 64 fields/)
  })
})

describe("findUrlColumn()", () => {
  it.each([
    [["id", "URL"], 1],
    [["Image_URL", "url"], 1],
    [["name", "Input Image Urls", "Output Image Urls"], 1],
    [["output_url", "thumbnail-url"], 1],
    [["curl", "link"], 0],
    [["id", "image"], 1],
    [["id", "name"], -1],
  ])("%j is %i", (names, index) => {
    expect(findUrlColumn(names)).toBe(index)
  })
})

describe("splitUrls()", () => {
  it.each([
    ["https://a/1,https://a/2", ["https://a/1", "https://a/2"], ","],
    ["https://a/w_300,h_200/1.jpg , http://b/2", ["https://a/w_300,h_200/1.jpg", "http://b/2"], " , "],
    ["https://a/1\nhttps://a/2\n", ["https://a/1", "https://a/2"], "\n"],
    [" https://a/1, ", ["https://a/1"], ","],
    ["https://a/1,ftp://b/2", ["https://a/1", "ftp://b/2"], ","],
    ["https://a/?u=https://b", ["https://a/?u=https://b"], ","],
    [" , ", [], ","],
    [`https://a/1${" ,".repeat(16_000)}x${", ".repeat(16_000)}`, [expect.stringMatching(/^https:.*x$/)], ","],
  ])("%#", (cell, urls, separator) => {
    expect(splitUrls(cell)).toEqual({ urls, separator })
  })
})

describe("checkPictureUrl()", () => {
  it.each([
    "javascript:alert(1)",
    "data:image/png;base64,AAAA",
    "file:///etc/passwd",
    "ftp://a.example/x",
    "//a.example/x",
    "a.example/x.jpg",
    "https://",
    "https://user:secret@a.example/",
    "https://a.example/a b",
    "https://a.example/\u0000",
    "https://a.exa\tmple/",
    "https://exa mple/",
    "https://[::1/",
    "https://a..example/",
    `https://a.example/${"x".repeat(2_048)}`,
    `https://a.example/${"ü".repeat(500)}`,
    "",
    "https://a.example:99999/",
    `https://${"a".repeat(64)}.example/`,
  ])("refuses number %#", (url) => {
    expect(checkPictureUrl(url)).toEqual({ reason: expect.any(String) })
  })

  it("spells what it takes as the URL parser does, without fragment", () => {
    expect(checkPictureUrl("HTTPS://Ü.example:443/a#b")).toEqual({ href: "https://xn--tda.example/a" })
  })
})

describe("checkRow()", () => {
  it("names row, line, column and reason, and cuts the value short", () => {
    const row: InputRow = { line: 9, cells: ["x"], column: "url", urls: [`ftp://${"x".repeat(200)}`], separator: "," }
    const checked = checkRow(row, 4, 10)
    expect(checked).toEqual({
      problem: {
        row: 4,
        line: 9,
        column: "url",
        value: `ftp://${"x".repeat(94)}…`,
        reason: "is not an https or http URL",
      },
    })
    expect(checkRow({ ...row, urls: [] }, 1, 10)).toMatchObject({ problem: { reason: "has no URL" } })
    expect(checkRow({ ...row, urls: Array(11).fill("https://a.example") }, 1, 10)).toMatchObject({
      problem: { reason: "has 11 URLs, more than 10" },
    })
  })
})

describe("delimitedCell()", () => {
  it.each([
    ["=1+1", "'=1+1"],
    ['=HYPERLINK("x")', `"'=HYPERLINK(""x"")"`],
    ["+49 30", "'+49 30"],
    ["@SUM(A1)", "'@SUM(A1)"],
    ["-cmd|' /C calc'!A0", "'-cmd|' /C calc'!A0"],
    ["\t=1", `"'\t'=1"`],
    ["\r=1", `"'\r'=1"`],
    [" =1", "' =1"],
    ["＝1", "'＝1"],
    [";=1+1", ";'=1+1"],
    ["-12.5", "-12.5"],
    ["+3", "+3"],
    ["a,b", '"a,b"'],
    ['say "hi"', '"say ""hi"""'],
    ["two\nlines", '"two\nlines"'],
    ["plain", "plain"],
    ["", ""],
  ])("%j is written as %j", (value, cell) => {
    expect(delimitedCell(value, ",")).toBe(cell)
  })

  it.each([
    ["x,=1+1", "x,'=1+1"],
    ["=1+1", "'=1+1"],
    ["-1,5", "-1,5"],
    ["https://a.example/1, https://a.example/2", "https://a.example/1, https://a.example/2"],
  ])("%j is written as %j in a TSV, whoever reads it splits it at commas or not", (value, cell) => {
    expect(delimitedCell(value, "\t")).toBe(cell)
  })
})
