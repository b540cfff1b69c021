import { expect, test } from "vitest"
import { parseOperation, planOutput } from "../../../../src/lib/operations/operations.ts"

const plan = (text: string, source = { format: "jpeg", width: 4_000, height: 3_000 }) => {
  const [name = "", query] = text.split("?")
  const planned = planOutput(parseOperation(name, Object.fromEntries(new URLSearchParams(query))), source)
  return planned && `${planned.format} ${planned.width}×${planned.height}`
}

test("planOutput() says what an operation makes of a picture of a size", () => {
  const ends = [
    ["classify", null],
    ["inspect", null],
    ["compress", "jpeg 4000×3000"],
    ["compress?scale=0.5&format=avif", "avif 2000×1500"],
    ["compress?scale=0.001", "jpeg 4×3"],
    ["resize?width=400", "jpeg 400×300"],
    ["resize?height=30&format=npy", "npy 40×30"],
    ["resize?width=500&height=500", "jpeg 500×500"],
    ["resize?width=500&height=500&fit=contain&format=png", "png 500×500"],
    ["resize?width=500&height=500&fit=inside", "jpeg 500×375"],
  ]
  for (const [text, planned] of ends) expect(plan(text ?? ""), text ?? "").toBe(planned)
})

test("planOutput() keeps a format that can be written, and has another for what cannot", () => {
  const of = (format: string, hasAlpha?: boolean) => {
    const source = { format, width: 8, height: 8, ...(hasAlpha !== undefined && { hasAlpha }) }
    return [plan("compress", source), plan("resize?width=8", source)].map((text) => text?.split(" ")[0])
  }
  expect(of("avif", true)).toEqual(["avif", "avif"])
  expect(of("webp")).toEqual(["webp", "webp"])
  expect(of("tiff", true)).toEqual(["webp", "png"])
  expect(of("png")).toEqual(["jpeg", "png"])
})
