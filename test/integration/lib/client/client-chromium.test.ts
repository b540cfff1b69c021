import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"
import { describe, expect, onTestFinished, test } from "vitest"
import { clientSuite } from "../../../contract/client-suite.ts"
import type { CaseResult } from "../../../contract/client-suite-run.ts"
import { launchChromium } from "../../../support/page/chromium.ts"

const SUITE = fileURLToPath(new URL("../../../contract/client-suite-run.ts", import.meta.url))

describe("the client, in a page in Chromium", () => {
  test("keeps every promise", async () => {
    const { outputFiles } = await build({
      entryPoints: [SUITE],
      bundle: true,
      format: "iife",
      globalName: "suite",
      write: false,
      logLevel: "silent",
    })
    const page = await openPage(outputFiles[0]?.text ?? "")
    const results = await page.evaluate<CaseResult[]>("suite.runClientSuite()")
    expect(results.filter(({ error }) => error !== null)).toEqual([])
    expect(results.map(({ name }) => name)).toEqual(clientSuite.map(({ name }) => name))
  })
})

async function openPage(script: string) {
  const server = createServer((_request, response) => {
    response.setHeader("content-type", "text/html; charset=utf-8")
    response.end(`<!doctype html><title>client</title><script>${script.replaceAll("</script", "<\\/script")}</script>`)
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  onTestFinished(() => void server.close())
  const browser = await launchChromium()
  onTestFinished(() => browser.close())
  const page = await browser.newPage()
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  return page
}
