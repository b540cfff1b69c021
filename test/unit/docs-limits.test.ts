import { readdirSync, readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { classifierEnv } from "../../src/classifier/config.ts"
import { edgeEnv } from "../../src/edge/config.ts"
import { formatRateLimit, type RateLimit } from "../../src/lib/callers/rate-limit.ts"
import { OUTPUT_CAPS } from "../../src/lib/operations/output-caps.ts"

const text = readFileSync("docs/security.md", "utf8")
/** Up to the comparison, which names settings of others. */
const ours = text.slice(0, text.indexOf("## Comparison"))
const [, limits = ""] =
  ours
    .split(/^## /m)
    .filter((section) => section.startsWith("Work that"))[0]
    ?.split("|---|---|---|") ?? []

const REQUIRED = {
  UPSTASH_REDIS_REST_URL: "https://r.test",
  UPSTASH_REDIS_REST_TOKEN: "t",
  TICKET_SECRET: "s".repeat(16),
}
const defaults: Record<string, unknown> = { ...classifierEnv.parse(REQUIRED), ...edgeEnv.parse(REQUIRED) }
const source = readdirSync("src", { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts") && !name.endsWith("page-files.ts"))
  .map((name) => readFileSync(`src/${name}`, "utf8"))
  .join("\n")

const FACTORS: Readonly<Record<string, number>> = { MB: 1e6, GB: 1e9, million: 1e6 }
/** "8 MB" of a setting in bytes, "60 s" of one in milliseconds. */
function defaultAsSaid(name: string, said: string): number | string {
  const [, digits = "", unit = ""] = /^([\d.,]+) ?(\w*)$/.exec(said) ?? []
  const factor = unit === "s" ? (name.endsWith("_MS") ? 1_000 : 1) : (FACTORS[unit] ?? 1)
  return digits === "" ? said : Math.round(Number(digits.replaceAll(",", "")) * factor)
}

function defaultOf(name: string): unknown {
  if (name === "MAX_CONNECTIONS") return Number(/MAX_CONNECTIONS \|\| ([\d_]+)/.exec(source)?.[1]?.replaceAll("_", ""))
  const value = defaults[name]
  return typeof value === "object" && value !== null ? formatRateLimit(value as RateLimit) : value
}

describe("docs/security.md", () => {
  const said = [...limits.matchAll(/`([A-Z_]+)`, (\d+\/\d+s|[\d.,]*\d(?: (?:MB|GB|million|s)\b)?)/g)].map(
    ([, name = "", value = ""]) => [name, value] as const,
  )

  it.each(said)("%s is %s, as configured where nothing is set", (name, value) => {
    expect(defaultAsSaid(name, value)).toBe(defaultOf(name))
  })

  it("has the default of each setting among its limits, but of what depends on the machine", () => {
    const named = [...limits.matchAll(/`([A-Z]+_[A-Z_]+)`/g)].map(([, name = ""]) => name)
    expect(named.length).toBeGreaterThan(15)
    expect(named.filter((name) => !said.some(([told]) => told === name))).toEqual(["CLASSIFIER_MEMORY_MB"])
  })

  it("says how many pixels are written", () => {
    const million = (pixels: number) => (pixels / 1e6).toFixed(1)
    const { avif, webp } = OUTPUT_CAPS
    expect(limits).toContain(`${million(avif.maxPixels)} million, ${million(webp.maxPixels)} million`)
  })

  it("names no setting that nothing reads", () => {
    const named = [...ours.matchAll(/`([A-Z]+_[A-Z_]+)[`=]/g)].map(([, name = ""]) => name)
    for (const name of named) expect(name in defaults || source.includes(`${name}`), name).toBe(true)
  })
})
