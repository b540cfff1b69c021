import { existsSync, readdirSync, readFileSync } from "node:fs"
import { globSync } from "tinyglobby"
import { describe, expect, it } from "vitest"
import { classifierEnv } from "../../src/classifier/config.ts"
import { edgeEnv } from "../../src/edge/config.ts"

const PAGES = [
  "README.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  ...readdirSync("docs", { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
]
const read = (page: string) => readFileSync(page, "utf8")
const folderOf = (page: string) => page.replace(/[^/]*$/, "")

/** Anchors as GitHub makes them of headings. */
const anchorsOf = (page: string) =>
  [...read(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  )

describe("the documentation names what exists", () => {
  it.each(PAGES)("%s: every file that it names as code", (page) => {
    const paths = read(page).matchAll(/`((?:src|test|bench|scripts|deploy|docs)\/[\w./-]+)`/g)
    for (const [, path = ""] of paths) expect(existsSync(path), `${page} names ${path}`).toBe(true)
    for (const [, path = ""] of read(page).matchAll(/`((?:unit|integration|e2e|long)\/[\w./*-]+\.test\.ts)`/g))
      expect(globSync(`test/${path}`), `${page} names ${path}`).not.toEqual([])
  })

  it.each(PAGES)("%s: every file and heading that it links to", (page) => {
    for (const [, link = ""] of read(page).matchAll(/\]\((?!https?:)([^)]+)\)/g)) {
      const [path = "", anchor] = link.split("#")
      const target = path === "" ? page : new URL(path, `file:///${folderOf(page)}`).pathname.slice(1)
      expect(existsSync(target), `${page} links to ${link}`).toBe(true)
      if (anchor !== undefined) expect(anchorsOf(target), `${page} links to ${link}`).toContain(anchor)
    }
  })

  it("docs/configuration.md has every variable of the edge and the classifier", () => {
    const text = read("docs/configuration.md")
    const variables = Object.keys({ ...edgeEnv.shape, ...classifierEnv.shape })
    expect(variables.length).toBeGreaterThan(40)
    // The page that explains tracing lists its variables.
    const named = variables.filter((name) => !name.startsWith("OTEL_"))
    for (const name of named) expect(text).toContain(`\`${name}\``)
  })
})
