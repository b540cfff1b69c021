import { readFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { parse } from "csv-parse/sync"
import type { Browser, Page } from "playwright-core"
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest"
import { nodeEdge, openProcess } from "../support/edge/edge-process.ts"
import { sha256Hex } from "../support/edge/edge-runtime.ts"
import { flatJpeg } from "../support/images/images.ts"
import { launchChromium } from "../support/page/chromium.ts"
import { handOver, hide, seriousFindings, visit } from "../support/page/page-harness.ts"
import { type Stack, startStack } from "../support/stack/stack-harness.ts"

const HELD_FROM = 100
let stack: Stack
let browser: Browser
let pictures: Awaited<ReturnType<typeof startHeldPictures>>

beforeAll(async () => {
  pictures = await startHeldPictures()
  ;[stack, browser] = await Promise.all([
    startStack(["--edge", "node"], { ALLOW_ADDRESSES: pictures.address }),
    launchChromium(),
  ])
  await stack.printed(/^ready /m)
}, 120_000)
afterAll(async () => {
  await browser?.close()
  await stack?.dispose()
  pictures?.close()
})

/** Pictures by their number, so wide; 404 for 7, and those from HELD_FROM on not before they are released. */
async function startHeldPictures() {
  const { promise: released, resolve: release } = deferred()
  const server = createServer(async ({ url }, response) => {
    const number = Number(/\d+/.exec(url ?? ""))
    if (number >= HELD_FROM) await released
    if (number === 7) response.writeHead(404).end()
    else response.end(flatJpeg([number, 90, 40], { width: 8 + number, height: 8 }))
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    address,
    release,
    urlOf: (number: number) => `http://${address}/${number}.jpg`,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  const waiting: (() => void)[] = []
  const promise = new Promise<void>((resolve) => waiting.push(resolve))
  return { promise, resolve: () => waiting[0]?.() }
}

const list = (name: string, lines: readonly string[]) => ({
  name,
  // What Windows says of a CSV where a spreadsheet is installed.
  mimeType: "application/vnd.ms-excel",
  buffer: Buffer.from(`${lines.join("\n")}\n`),
})
const says = (page: Page, selector: string, text: string | RegExp) =>
  expect.poll(() => page.locator(selector).innerText()).toMatch(text)
const press = (page: Page, name: string) => page.getByRole("button", { name, exact: true }).click()

/** Runs in the page: the lists that its browser keeps over a reload. */
function countKeptLists(): Promise<number> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open("claimcheck-batches", 1)
    opening.onerror = () => reject(opening.error)
    opening.onsuccess = () => {
      const counting = opening.result.transaction("batches").objectStore("batches").count()
      counting.onsuccess = () => resolve(counting.result)
      counting.onerror = () => reject(counting.error)
    }
  })
}

async function download(page: Page, name: string): Promise<{ file: string; rows: Record<string, string>[] }> {
  const saving = page.waitForEvent("download")
  await press(page, name)
  const saved = await saving
  const text = readFileSync(await saved.path(), "utf8")
  return { file: saved.suggestedFilename(), rows: parse(text, { columns: true, bom: true }) }
}

test("a list can be taken back while it is sent, and what is left of it canceled later", async () => {
  const { page, requests } = await visit(browser, stack.url)
  const { promise: letThrough, resolve: unstick } = deferred()
  await page.route("**/v1/batches?*", async (route) => {
    await letThrough
    // What was asked before the reload, nobody waits for any more.
    await route.continue().catch(() => undefined)
  })
  await page.setInputFiles(
    "#choose-list",
    list("twice.csv", ["url", ...[50, 51].map((i) => pictures.urlOf(HELD_FROM + i))]),
  )
  await press(page, "Start")
  await says(page, ".batch .count", /^Sending/)
  const keys = () => requests.filter(({ method }) => method === "POST").map(({ idempotencyKey }) => idempotencyKey)
  await page.reload()
  await expect.poll(() => keys().length).toBe(2)
  expect(keys()[0]).toMatch(/^[0-9a-f]{32}$/)
  expect(keys()[1]).toBe(keys()[0])
  await press(page, "Cancel")
  await page.getByRole("button", { name: "Start", exact: true }).waitFor()
  unstick()
  // It had reached the server all the same, which is told.
  await expect.poll(() => requests.filter(({ method }) => method === "DELETE").length).toBe(1)
  await press(page, "Start")
  await says(page, ".batch .count", /: 0 of 2 pictures/)
  await press(page, "Cancel the rest")
  await says(page, ".batch .count", /: 2 pictures · .*canceled$/)
  await says(page, "#batch-announcer", /^twice\.csv was canceled\.$/)
  expect(await page.locator(".batch dl").innerText()).toMatch(/canceled\s+2$/)
  expect(await page.evaluate(() => document.activeElement?.className)).toBe("batch")
})

test("the failed rows of a list that is done can be submitted again, as a list of their own", async () => {
  const { page, requests } = await visit(browser, stack.url)
  const rows = ["url", pictures.urlOf(30), pictures.urlOf(7)]
  await handOver(page, "drop", [list("some.csv", rows)])
  await page.getByLabel("With each picture").selectOption("inspect")
  await press(page, "Start")
  await page.getByRole("button", { name: "Retry failed rows", exact: true }).waitFor()
  await press(page, "Retry failed rows")
  await says(page, ".batch:first-child h3", "failed rows of some.csv")
  await expect.poll(() => page.locator(".batch:first-child dl").innerText()).toMatch(/succeeded\s+0\s+failed\s+1/)
  expect(await page.locator(".batch:last-child dl").innerText()).toMatch(/succeeded\s+1\s+failed\s+1/)
  // A second click finds the same batch.
  await page.locator(".batch:last-child").getByRole("button", { name: "Retry failed rows", exact: true }).click()
  const posts = () => requests.filter(({ method }) => method === "POST").map(({ idempotencyKey }) => idempotencyKey)
  await expect.poll(() => posts().length).toBe(3)
  expect(posts()[2]).toBe(posts()[1])
  expect(await page.locator(".batch").count()).toBe(2)
})

test.each([
  ["compress", "Quality, 1 to 100", "30", /quality=30/],
  ["resize", "Width in pixels", "16", /width=16/],
])("a list is worked on with %s, too, with the number that it wants", async (operation, label, value, asked) => {
  const { page, requests } = await visit(browser, stack.url)
  await handOver(page, "drop", [list("photos.csv", ["url", pictures.urlOf(40), pictures.urlOf(41)])])
  await page.getByLabel("With each picture").selectOption(operation)
  await page.getByLabel(label).fill("0")
  await press(page, "Start")
  expect(requests.some(({ method }) => method === "POST")).toBe(false)
  await page.getByLabel(label).fill(value)
  expect(await seriousFindings(page)).toEqual([])
  await press(page, "Start")
  const { rows } = await download(page, "Download results")
  expect(requests.find(({ method }) => method === "POST")?.url).toMatch(asked)
  for (const row of rows) expect(row.output_url).toMatch(/\/v1\/outputs\//)
  if (operation === "resize") expect(rows.map(({ output_width }) => output_width)).toEqual(["16", "16"])
})

test("a list that is dropped is watched over a reload, rests while hidden, and hands out its rows in order, at half time too", async () => {
  const { page, requests } = await visit(browser, stack.url)
  const numbers = [...Array(12).keys(), ...[0, 1, 2, 3].map((i) => HELD_FROM + i)]
  const lines = ["name,url", ...numbers.map((number) => `picture ${number},${pictures.urlOf(number)}`)]
  await handOver(page, "drop", [list("photos.csv", lines)])
  await says(page, "#batch-announcer", /^photos\.csv is ready to be started\.$/)
  expect(await page.evaluate(() => document.activeElement?.className)).toBe("batch")
  expect(await seriousFindings(page)).toEqual([])
  await page.getByLabel("With each picture").selectOption("inspect")
  await press(page, "Start")
  expect(await page.getByLabel("With each picture").isVisible()).toBe(false)
  await says(page, ".batch .count", /^format and size of each picture: 12 of 16 pictures/)
  await says(page, "#batch-announcer", /^photos\.csv: 75 % done\.$/)
  expect(await page.locator(".batch dl").innerText()).toMatch(/^succeeded\s+11\s+failed\s+1\s+left\s+4$/)
  expect(await page.locator(".batch progress").getAttribute("value")).toBe("0.75")
  expect(await seriousFindings(page)).toEqual([])
  const part = await download(page, "Download finished rows")
  expect(part.rows.map(({ name }) => name)).toEqual(numbers.slice(0, 12).map((number) => `picture ${number}`))

  await page.clock.install()
  await page.reload()
  await says(page, ".batch .count", /12 of 16 pictures/)
  expect(await page.locator("#batch-announcer").innerText()).toBe("")
  const looks = () => requests.filter(({ method, url }) => method === "GET" && /\/v1\/batches\/\w+$/.test(url)).length
  await hide(page, true)
  await page.clock.runFor(60_000)
  await page.evaluate(() => fetch("/healthz").then((response) => response.text()))
  const before = looks()
  await page.clock.runFor(60_000)
  await page.evaluate(() => fetch("/healthz").then((response) => response.text()))
  expect(looks()).toBe(before)
  await hide(page, false)
  await expect.poll(looks).toBeGreaterThan(before)

  pictures.release()
  await page.clock.runFor(10_000)
  await says(page, "#batch-announcer", /^photos\.csv is done: 15 pictures, 1 failed\.$/)
  await page.getByText("First failures").click()
  await says(page, ".findings li", /^Row 8: .*404[\s\S]*\/7\.jpg$/)
  const results = "**/v1/batches/*/results?*"
  await page.route(results, (route) => route.fulfill({ status: 404, json: { code: "not_found", detail: "Gone" } }))
  await press(page, "Download results")
  await says(page, ".batch > .note", /^The results could not be fetched\. The server no longer knows this ticket/)
  await page.unroute(results)
  const { file, rows } = await download(page, "Download results")
  expect(await page.locator(".batch > .note").innerText()).toBe("")
  expect(file).toBe("photos.results.csv")
  expect(rows.map(({ name, status, width }) => [name, status, width])).toEqual(
    numbers.map((number) => [
      `picture ${number}`,
      number === 7 ? "failed" : "succeeded",
      number === 7 ? "" : String(8 + number),
    ]),
  )
  expect(requests.filter(({ method }) => method === "POST")).toHaveLength(1)
  await press(page, "Remove")
  expect(await page.locator("#batches").isVisible()).toBe(false)
  expect(await page.evaluate(() => document.activeElement?.id)).toBe("choose-list")
  await expect.poll(() => page.evaluate(countKeptLists)).toBe(0)
  await page.reload()
  await page.locator(".sample img").first().waitFor()
  expect(await page.locator(".batch").count()).toBe(0)
})

test("rows that cannot be taken are named, and the rest is classified for who wants it; on a phone, in the dark", async () => {
  const viewport = { width: 360, height: 740 }
  const { page } = await visit(browser, stack.url, { colorScheme: "dark", viewport, isMobile: true, hasTouch: true })
  const lines = [
    "id\turl",
    `1\t${pictures.urlOf(20)}`,
    "2\tftp://a.example/x",
    `3\t${pictures.urlOf(21)}`,
    "4\tnothing",
  ]
  await page.setInputFiles("#choose-list", list("mixed.tsv", lines))
  await press(page, "Start")
  await says(page, ".batch .count", /^2 rows cannot be accepted\.$/)
  const bottom = () => page.locator(".batch").evaluate((card) => card.getBoundingClientRect().bottom)
  expect(await bottom()).toBeLessThanOrEqual(viewport.height)
  expect(await page.locator(".bad-rows tbody tr").allInnerTexts()).toEqual([
    expect.stringMatching(/^2\s+url\s+is not an https or http URL\s+ftp:\/\/a\.example\/x$/),
    expect.stringMatching(/^4\s+url\s+.*\s+nothing$/),
  ])
  expect(await seriousFindings(page)).toEqual([])
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360)
  // What is left to choose is there after a reload, too.
  await page.reload()
  await press(page, "Accept the other rows")
  await says(page, ".batch .count", /^what is in each picture: 2 pictures · 4 rows · 2 left out · in /)
  expect(await seriousFindings(page)).toEqual([])
  const { rows } = await download(page, "Download results")
  expect(rows.map(({ id, status }) => [id, status])).toEqual([
    ["1", "succeeded"],
    ["2", "failed"],
    ["3", "succeeded"],
    ["4", "failed"],
  ])
})

test("a list whose columns have names of its own, in the bytes of an older Windows, is read as its owner says", async () => {
  const { page } = await visit(browser, stack.url, { viewport: { width: 360, height: 740 } })
  const table = `Artikel-Nr.;Größe;Produktbild\r\n1;groß;${pictures.urlOf(40)}\r\n2;klein;${pictures.urlOf(41)}\r\n`
  await handOver(page, "drop", [{ name: "artikel.csv", mimeType: "text/csv", buffer: Buffer.from(table, "latin1") }])
  await page.getByLabel("With each picture").selectOption("inspect")
  await press(page, "Start")
  await says(page, ".batch .count", /^The server found no column of URLs by its name\. Choose it\.$/)
  await says(page, ".batch", /not UTF-8 text: it is read as Windows-1252/)
  const column = page.getByLabel("Column with the URLs")
  expect(await column.locator("option").allInnerTexts()).toEqual(["Choose …", "Artikel-Nr.", "Größe", "Produktbild"])
  expect(await seriousFindings(page)).toEqual([])
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360)
  await press(page, "Start again")
  expect(await column.evaluate((select) => select.matches(":invalid"))).toBe(true)
  // A wrong choice, and a reload, leave the choice open.
  await column.selectOption("Größe")
  await press(page, "Start again")
  await says(page, ".batch .count", /^2 rows cannot be accepted\.$/)
  await page.reload()
  expect(await column.inputValue()).toBe("Größe")
  await column.selectOption("Produktbild")
  await press(page, "Start again")
  await says(page, ".batch .count", /^format and size of each picture: 2 pictures/)
  await says(page, ".batch", /not UTF-8 text: it is read as Windows-1252/)
  expect(await column.isVisible()).toBe(false)
  const { rows } = await download(page, "Download results")
  expect(rows.map((row) => [row.Größe, row.status, row.width])).toEqual([
    ["groß", "succeeded", "48"],
    ["klein", "succeeded", "49"],
  ])
})

test("an edge with API keys: the list waits for one, and its results are fetched with it", async () => {
  const { rest } = JSON.parse(readFileSync(join(stack.home, "run.json"), "utf8")) as {
    rest: { url: string; token: string }
  }
  const edge = await openProcess(nodeEdge(), {
    UPSTASH_REDIS_REST_URL: rest.url,
    UPSTASH_REDIS_REST_TOKEN: rest.token,
    TICKET_SECRET: "a-secret-of-this-test",
    API_KEYS: `page:${await sha256Hex("the-right-key")}`,
    ALLOW_ADDRESSES: pictures.address,
  })
  onTestFinished(() => edge.close())
  const { page } = await visit(browser, edge.url)
  await handOver(page, "drop", [list("keyed.jsonl", [JSON.stringify({ sku: "=1+1", url: pictures.urlOf(30) })])])
  await press(page, "Start")
  await says(page, ".batch .count", /^Waiting for your key$/)
  for (const key of ["the-wrong-key", "the-right-key"]) {
    await page.fill("#key", key)
    await page.keyboard.press("Enter")
  }
  await says(page, "#batch-announcer", /^keyed\.jsonl is done: 1 picture\.$/)
  const { file, rows } = await download(page, "Download results")
  expect(file).toBe("keyed.results.csv")
  expect(rows).toMatchObject([{ sku: "'=1+1", status: "succeeded" }])
})
