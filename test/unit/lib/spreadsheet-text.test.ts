import { expect, test } from "vitest"
import { spreadsheetText } from "../../../src/lib/spreadsheet-text.ts"
import { leastCpuMs } from "../../support/images/passes.ts"

test.each([
  ["=1+1", "'=1+1"],
  ["+1+1", "'+1+1"],
  ["-1+1", "'-1+1"],
  ["@SUM(A1)", "'@SUM(A1)"],
  ["＝1+1", "'＝1+1"],
  ["  =1+1", "'  =1+1"],
  ["\u00a0=1+1", "'\u00a0=1+1"],
  ['"=1+1', `'"=1+1`],
  [";=1+1", ";'=1+1"],
  ['x; "=1+1', `x;' "=1+1`],
  ["a|@b", "a|'@b"],
  ["a\t=1", "a\t'=1"],
  ["a\r\n=1", "a\r\n'=1"],
  ["\t=1", "'\t'=1"],
  ["\tx", "'\tx"],
  ["1;-2;=3", "1;-2;'=3"],
])("no reader of %j finds a formula in it", (value, text) => expect(spreadsheetText(value)).toBe(text))

test.each([
  "",
  "-12.5",
  "+3",
  "-1,5",
  "-2e-7",
  "1;-2; +3.5",
  "a=b",
  "x - y",
  "red, -5 degrees",
  "https://a.example/x.jpg?a=1;b=2,https://b.example/-/@x",
  "a;b|c",
  "jack-o'-lantern",
])("%j stays as it is", (value) => expect(spreadsheetText(value)).toBe(value))

test("a long cell takes time in proportion to its length", () => {
  const took = (length: number) => {
    const value = '; "'.repeat(length)
    return leastCpuMs(() => spreadsheetText(value))
  }
  // Ten times the length: ten times the work, where each character looked at all others it would be a hundred times.
  expect(took(1_000_000) / took(100_000)).toBeLessThan(40)
})
