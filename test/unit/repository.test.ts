import { existsSync, readdirSync, readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { parse } from "yaml"
import { readRelease } from "../../scripts/release/read-release.ts"
import { releaseProblems } from "../../scripts/release/release-problems.ts"
import { edgeEnv } from "../../src/edge/config.ts"

const read = (path: string) => readFileSync(path, "utf8")

describe("releaseProblems()", () => {
  const good = {
    versions: { a: "1.2.3", b: "1.2.3" },
    changelog: "# Changelog\n\n## Unreleased\n\n## 1.2.3 (2026-01-02)\n\n- It works.\n",
  }

  it("has none for this checkout but what is unreleased, and none for a version that agrees everywhere", () => {
    expect(releaseProblems(readRelease()).filter((problem) => !problem.includes("Unreleased"))).toEqual([])
    expect(releaseProblems({ ...good, tag: "v1.2.3" })).toEqual([])
  })

  it.each([
    [{ versions: { a: "1.2.3", b: "1.2.2" } }, "b has version 1.2.2, a has 1.2.3"],
    [{ versions: { a: "1.2.3", b: undefined } }, "b has version undefined, a has 1.2.3"],
    [{ tag: "v1.2.4" }, "The tag is v1.2.4, a has version 1.2.3"],
    [{ changelog: "## 1.2.30 (2026-01-02)\n\n- It works.\n" }, 'CHANGELOG.md has no heading "## 1.2.3 (YYYY-MM-DD)"'],
    [
      { changelog: "## 1.2.3 (2026-01-02)\n\n## 1.2.2 (2026-01-01)\n\n- It works.\n" },
      "CHANGELOG.md says nothing of 1.2.3",
    ],
    [
      { changelog: `${good.changelog.replace("## Unreleased\n", "## Unreleased\n\n- More.\n")}` },
      "CHANGELOG.md still has changes under Unreleased",
    ],
  ])("names what does not agree: %j", (change, problem) => {
    expect(releaseProblems({ ...good, ...change })).toEqual([problem])
  })
})

describe("the repository", () => {
  it("says in package.json what it is, where it is and how it is published, and the packages agree", () => {
    const ours = JSON.parse(read("package.json"))
    const client = JSON.parse(read("clients/javascript/package.json"))
    expect(ours.keywords.length).toBeGreaterThan(5)
    expect(client.repository).toEqual({ ...ours.repository, directory: "clients/javascript" })
    for (const each of [ours, client]) expect(each.publishConfig).toEqual({ access: "public", provenance: true })
    expect(read("clients/python/pyproject.toml")).toContain(ours.homepage.replace("#readme", ""))
  })

  it("CI runs .ci/run, and a release what checks it, by scripts that there are", () => {
    const { scripts } = JSON.parse(read("package.json"))
    const stepsOf = (name: string) =>
      Object.values(parse(read(`.github/workflows/${name}`)).jobs as Record<string, { steps: { run?: string }[] }>)
        .flatMap(({ steps }) => steps)
        .map(({ run = "" }) => run)
    expect(stepsOf("ci.yml")).toContain(".ci/run")
    const release = stepsOf("release.yml").join("\n")
    for (const [, name = ""] of release.matchAll(/npm run ([\w:]+)/g)) expect(scripts).toHaveProperty(name)
    expect(release.indexOf("release:check")).toBeLessThan(release.indexOf("npm publish"))
  })

  it("has issue forms with what GitHub requires", () => {
    const forms = readdirSync(".github/ISSUE_TEMPLATE").filter((name) => name !== "config.yml")
    expect(forms.sort()).toEqual(["bug.yml", "feature.yml"])
    for (const name of forms) {
      const { body, ...head } = parse(read(`.github/ISSUE_TEMPLATE/${name}`)) as {
        body: { type: string; id: string; attributes: { label: string } }[]
      }
      expect(head).toMatchObject({ name: expect.any(String), description: expect.any(String) })
      expect(new Set(body.map(({ id }) => id)).size).toBe(body.length)
      for (const { type, attributes } of body) {
        expect(["textarea", "input", "dropdown"]).toContain(type)
        expect(attributes.label).not.toBe("")
      }
    }
    expect(existsSync("SECURITY.md")).toBe(true)
  })

  it("Cloudflare's deploy button asks for what the worker cannot start without, with a word on each and no example value", () => {
    const asked = read(".dev.vars.example")
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"))
    const names = asked.map((line) => line.replace(/=""$/, ""))
    expect(asked).toEqual(names.map((name) => `${name}=""`))
    const needed = Object.entries(edgeEnv.shape).filter(([, schema]) => !schema.safeParse(undefined).success)
    expect(names.toSorted()).toEqual(needed.map(([name]) => name).sort())
    const { cloudflare, scripts } = JSON.parse(read("package.json"))
    expect(Object.keys(cloudflare.bindings).sort()).toEqual(names.toSorted())
    for (const name of names) expect(cloudflare.bindings[name].description).toMatch(/\w/)
    expect(scripts).toMatchObject({ build: expect.any(String), deploy: "wrangler deploy" })
    for (const name of names) expect(read("wrangler.toml")).toContain(`wrangler secret put ${name}`)
  })

  it("deno.json tells Deno Deploy to run the edge's entry, built by a script that Deno runs", () => {
    const { deploy } = JSON.parse(read("deno.json"))
    expect(deploy.runtime).toEqual({ type: "dynamic", entrypoint: "./src/edge/deno.ts" })
    expect(existsSync("src/edge/deno.ts") && existsSync(deploy.build.split(" ").at(-1))).toBe(true)
  })

  it("a devcontainer installs what the tests need", () => {
    const { postCreateCommand, forwardPorts } = JSON.parse(read(".devcontainer/devcontainer.json"))
    for (const needed of ["redis-server", "chromium", "npm ci"]) expect(postCreateCommand).toContain(needed)
    expect(forwardPorts).toEqual([8787])
  })
})
