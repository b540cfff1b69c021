import { expect, test } from "vitest"
import { KnownKeys } from "../../../../src/edge/auth/known-keys.ts"
import { ReadRates } from "../../../../src/edge/limits/read-rates.ts"
import { SubmitRates } from "../../../../src/edge/limits/submit-rates.ts"
import { addressCaller, networkOf } from "../../../../src/lib/callers/caller-id.ts"

/** Addresses of as many /56, up to 256 of them, all within one /48. */
const prefix48 = (count: number, net = "2001:db8:1") =>
  Array.from({ length: count }, (_, i) => `${net}:${((i % 256) << 8).toString(16)}::1`)

test("who has a /48 guesses no more keys than eight /56 may, and its neighbour is not held back for it", async () => {
  let looks = 0
  const store = {
    find: () => {
      looks++
      return Promise.resolve(null)
    },
    noteUse: () => Promise.resolve(),
  }
  const keys = new KnownKeys(store, () => 0)
  let guesses = 0
  const guess = (address: string) =>
    keys.find(String(guesses++), networkOf(address)).catch(({ code }) => code as string)
  const answers = []
  for (const address of prefix48(400)) answers.push(await guess(address))
  expect(answers.filter((answer) => answer === null)).toHaveLength(looks)
  expect(looks).toBe(8 * 20)
  expect(answers.at(-1)).toBe("too_many_guesses")
  expect(await guess("2001:db8:2::1")).toBeNull()
  expect(await guess("203.0.113.7")).toBeNull()
})

test("who has a /48 reads no more than eight /56 may; each /56 has its own limit within that", () => {
  const rates = new ReadRates({ count: 10, windowMs: 60_000 }, () => 0)
  const charges = (address: string, units = 1) => {
    try {
      rates.charge(addressCaller(address), units)
      return true
    } catch {
      return false // What is thrown is told by the contract of the edge.
    }
  }
  const [first = ""] = prefix48(1)
  expect(Array.from({ length: 12 }, () => charges(first)).filter(Boolean)).toHaveLength(10)
  expect(prefix48(200).filter((address) => charges(address))).toHaveLength(70)
  expect(charges("2001:db8:2::1")).toBe(true)
})

test("who has a /48 submits no more than eight /56 may to one isolate", () => {
  const rates = new SubmitRates(() => 0)
  const rateLimit = { count: 5, windowMs: 60_000 }
  const submit = (address: string) => rates.chargePrefix48({ id: addressCaller(address), weight: 1, rateLimit })
  for (const address of prefix48(40)) submit(address)
  expect(() => submit("2001:db8:1:ffff::1")).toThrow(
    expect.objectContaining({ code: "rate_limited", retryAfterMs: 1_500 }),
  )
  submit("2001:db8:2::1")
  for (let i = 0; i < 100; i++) submit("203.0.113.7")
})
