import { readFileSync } from "node:fs"
import { expect, it } from "vitest"
import { describeMetrics, metricsTable } from "../../support/docs/metrics-table.ts"

it("docs/metrics.md names every metric with its type, unit and labels, and no other", () => {
  expect(readFileSync("docs/metrics.md", "utf8")).toContain(`\n${metricsTable()}\n`)
})

it("alerts and dashboard name metrics that there are", () => {
  const names = new Set(
    describeMetrics().flatMap(({ name, type }) =>
      type === "histogram" ? ["bucket", "count", "sum"].map((end) => `${name}_${end}`) : [name],
    ),
  )
  for (const file of ["prometheus/alerts.yaml", "prometheus/alerts.test.yaml", "grafana/claimcheck.json"]) {
    const named = readFileSync(`deploy/${file}`, "utf8").match(/claimcheck_\w+/g) ?? []
    expect(named.filter((name) => !names.has(name))).toEqual([])
    expect(named.length).toBeGreaterThan(10)
  }
})
