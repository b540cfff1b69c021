import fc from "fast-check"
import { jpegHeader, noise, pngHeader, segment } from "../images/edge-images.ts"
import { fromSchema, type Schema } from "./schema-arbitrary.ts"

/** A body as its bytes, and the type that it is said to be. `pieces`: it streams in so many, with no length. */
export type FuzzBody = { bytes: Uint8Array; type: string | null; pieces: number; breaksOff: boolean }

const text = (value: string) => new TextEncoder().encode(value)
const BOUNDARY = "frontier"

/** Three times of four there is none. */
const seldom = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, { weight: 1, arbitrary })

/** JPEG and PNG headers, whole, cut, or with a byte changed. */
const image: fc.Arbitrary<Uint8Array> = fc
  .record({
    isPng: fc.boolean(),
    width: fc.constantFrom(0, 1, 64, 64, 64, 8_000, 65_535),
    height: fc.constantFrom(0, 1, 48, 48, 48, 6_000, 65_535),
    comment: fc.array(fc.nat(255), { minLength: 4, maxLength: 12 }),
    damage: seldom(fc.record({ at: fc.nat(60), byte: fc.nat(255), cut: fc.boolean() })),
  })
  .map(({ isPng, width, height, comment, damage }) => {
    const whole = isPng ? pngHeader({ width, height }) : jpegHeader({ width, height, before: [segment(0xfe, comment)] })
    if (damage === null) return whole
    if (damage.cut) return whole.slice(0, damage.at)
    whole[damage.at % whole.length] = damage.byte
    return whole
  })

const junk: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 64 }),
  fc
    .constantFrom("", "\u0000", "null", "[]", "GIF89a", "RIFF\u0000\u0000\u0000\u0000WEBP", "%PDF-1.7", "a,b\n1")
    .map(text),
  fc.nat(50_000).map((length) => noise(length, length)),
)

/** How a part of a form may be spelled, rightly and wrongly. */
const disposition = fc.constantFrom(
  'form-data; name="image"; filename="x.jpg"',
  'form-data; name="image"; filename="x.jpg"',
  'form-data; name="image"; filename="x.jpg"',
  'form-data; name="image"',
  "form-data; name=image; filename=x.jpg",
  "form-data; name=\"image\"; filename*=UTF-8''%e2%82%ac%zz",
  'form-data; name="image"; filename="../../etc/passwd"',
  'form-data; name="im\\"age"; filename=""',
  "form-data",
  "attachment; name=image",
  "",
  `form-data; name="image"; filename="${"x".repeat(20_000)}"`,
)

const form = (payload: fc.Arbitrary<Uint8Array>, fields: fc.Arbitrary<[string, string][]>): fc.Arbitrary<FuzzBody> =>
  fc
    .record({
      payload,
      fields,
      disposition,
      end: fc.constantFrom(
        "\r\n--frontier--\r\n",
        "\r\n--frontier--\r\n",
        "\r\n--frontier--",
        "\r\n--frontier",
        "\n",
        "",
      ),
      newline: fc.constantFrom("\r\n", "\r\n", "\r\n", "\n", "\r"),
      more: fc.constantFrom(
        "",
        "",
        "X-A: b",
        `X-A: ${"b".repeat(9_000)}`,
        "Content-Type: multipart/mixed; boundary=in",
      ),
      copies: fc.constantFrom(1, 1, 1, 2, 300),
      type: fc.constantFrom(
        `multipart/form-data; boundary=${BOUNDARY}`,
        `multipart/form-data; boundary=${BOUNDARY}`,
        `multipart/form-data; boundary=${BOUNDARY}`,
        `Multipart/Form-Data; charset=utf-8; Boundary="${BOUNDARY}"`,
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=other",
        `multipart/form-data; boundary=${"b".repeat(300)}`,
        `multipart/mixed; boundary=${BOUNDARY}`,
      ),
    })
    .map(({ payload, fields, disposition, end, newline, more, copies, type }) => {
      const open = `--${BOUNDARY}${newline}`
      const simple = fields
        .map(
          ([name, value]) =>
            `${open}Content-Disposition: form-data; name="${name}"${newline}${newline}${value}${newline}`,
        )
        .join("")
      const head = `${open}Content-Disposition: ${disposition}${newline}${more === "" ? "" : more + newline}${newline}`
      const part = [text(head), payload, text(newline)]
      const parts = [text(simple), ...Array.from({ length: copies }, () => part).flat(), text(end)]
      return { bytes: join(parts), type, pieces: 0, breaksOff: false }
    })

const json = (schema: Schema, root: Schema): fc.Arbitrary<Uint8Array> =>
  fc.oneof(
    { weight: 6, arbitrary: fromSchema(schema, root).map((value) => text(JSON.stringify(value) ?? "")) },
    {
      weight: 1,
      arbitrary: fc
        .constantFrom(
          "{",
          '{"image":',
          '"\\ud800"',
          `${"[".repeat(5_000)}`,
          `{"a":${"1".repeat(5_000)}}`,
          '{"__proto__":{"a":1}}',
          "\ufeff{}",
        )
        .map(text),
    },
    { weight: 1, arbitrary: fc.constant(Uint8Array.of(0x22, 0xff, 0xfe, 0x22)) },
  )

const fieldValue = (root: Schema) =>
  fromSchema({}, root).map((value) => (typeof value === "string" ? value : JSON.stringify(value)))

/** Bodies for an operation that takes these media types; for one that takes none, junk. */
export function bodyFor(content: Record<string, { schema?: Schema }>, root: Schema): fc.Arbitrary<FuzzBody> {
  const typed = Object.entries(content).map(([type, { schema = {} }]): fc.Arbitrary<FuzzBody> => {
    if (type.startsWith("multipart/")) {
      const names = Object.keys((schema.properties as Schema | undefined) ?? {}).filter((name) => name !== "image")
      const field = fc.tuple(
        fc.constantFrom("x", ...names),
        fc.oneof(fc.constantFrom("1", "5", "classify"), fieldValue(root)),
      )
      return form(
        fc.oneof({ weight: 3, arbitrary: image }, { weight: 1, arbitrary: junk }),
        fc.array(field, { maxLength: 3 }),
      )
    }
    const bytes = /json/.test(type) ? json(schema, root) : /^text\//.test(type) ? junk : image
    return bytes.map((of) => ({ bytes: of, type: type.replace("*", "jpeg"), pieces: 0, breaksOff: false }))
  })
  const odd: fc.Arbitrary<FuzzBody> = fc.record({
    bytes: fc.oneof(image, junk),
    type: fc.option(fc.constantFrom(...Object.keys(content), ...TYPES)),
    pieces: fc.constant(0),
    breaksOff: fc.constant(false),
  })
  const whole = fc.oneof(...typed.map((arbitrary) => ({ weight: 3, arbitrary })), { weight: 2, arbitrary: odd })
  return fc
    .record({
      body: whole,
      pieces: fc.constantFrom(0, 0, 0, 1, 7),
      breaksOff: fc.constantFrom(false, false, false, false, false, true),
    })
    .map(({ body, pieces, breaksOff }) => ({ ...body, pieces, breaksOff: breaksOff && pieces > 0 }))
}

const TYPES = [
  "",
  "image/jpeg",
  "application/json",
  "application/problem+json",
  "text/csv",
  "text/plain;;;",
  "a/b/c",
  "*/*",
  ";",
  "application/x-www-form-urlencoded",
  "x".repeat(5_000),
]

function join(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}
