import { execFile } from "node:child_process"
import { existsSync } from "node:fs"
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { describe, expect, it } from "vitest"
import { parse, stringify } from "yaml"

const run = promisify(execFile)
const PROMTOOL = "/usr/bin/promtool"
const FOLDER = "deploy/prometheus"

const promtool = async (...args: string[]) => (await run(PROMTOOL, args)).stdout
type Rules = { groups: { rules: { alert: string; annotations: Record<string, string> }[] }[] }
type Tests = { tests: { alert_rule_test: { alertname: string; exp_alerts: unknown[] }[] }[] }

const WHY = existsSync(PROMTOOL) ? "" : ` (skipped: no ${PROMTOOL}; apt-get install prometheus)`

describe.skipIf(WHY !== "")(`what Prometheus is given${WHY}`, () => {
  it("has alert rules and a configuration that promtool accepts", async () => {
    expect(await promtool("check", "config", join(FOLDER, "prometheus.yaml"))).toMatch(/SUCCESS: \d+ rules found/)
  })

  it("has an alert for each trouble, which fires on it: unit tests of the rules pass, and each rule has one", async () => {
    expect(await promtool("test", "rules", join(FOLDER, "alerts.test.yaml"))).toContain("SUCCESS")
    const { groups } = parse(await readFile(join(FOLDER, "alerts.yaml"), "utf8")) as Rules
    const { tests } = parse(await readFile(join(FOLDER, "alerts.test.yaml"), "utf8")) as Tests
    const fired = tests.flatMap((test) => test.alert_rule_test).filter(({ exp_alerts }) => exp_alerts.length > 0)
    const rules = groups.flatMap((group) => group.rules)
    expect(fired.map(({ alertname }) => alertname)).toEqual(rules.map(({ alert }) => alert))
    for (const { annotations } of rules) expect(Object.keys(annotations)).toEqual(["summary", "action"])
  })

  it("has a dashboard whose every query is PromQL", async () => {
    const { panels } = JSON.parse(await readFile("deploy/grafana/claimcheck.json", "utf8")) as {
      panels: { targets?: { expr: string }[] }[]
    }
    const queries = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
    expect(queries.length).toBeGreaterThan(20)
    const rules = queries.map((expr, i) => ({ record: `query:${i}`, expr: expr.replaceAll("$__rate_interval", "1m") }))
    const folder = await mkdtemp(join(tmpdir(), "claimcheck-dashboard-"))
    try {
      await writeFile(join(folder, "queries.yaml"), stringify({ groups: [{ name: "dashboard", rules }] }))
      expect(await promtool("check", "rules", join(folder, "queries.yaml"))).toContain(`${queries.length} rules found`)
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
