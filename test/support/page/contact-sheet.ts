import { readFileSync } from "node:fs"
import type { Browser } from "playwright-core"
import { expect } from "vitest"
import { flatJpeg } from "../images/images.ts"
import { jpegFile, visit } from "./page-harness.ts"

/** Hands in so many pictures at once: three uploads at a time, each with a thumbnail and an answer, and a CSV of all. */
export async function expectContactSheet(browser: Browser, url: string, pictures: number): Promise<void> {
  const { page, requests } = await visit(browser, url)
  const says = (selector: string, text: RegExp) => expect.poll(() => page.locator(selector).innerText()).toMatch(text)
  let [running, most] = [0, 0]
  const isUpload = (request: { method(): string }) => request.method() === "POST"
  page.on("request", (request) => {
    if (isUpload(request)) most = Math.max(most, ++running)
  })
  // Told before the page itself reads it and sends the next one; "requestfinished" is told after.
  page.on("response", (response) => isUpload(response.request()) && running--)
  const files = Array.from({ length: pictures }, (_, i) => {
    const shade = (i % 8) * 30
    return jpegFile(`shade ${i}.jpg`, flatJpeg([shade, 255 - shade, 90], { width: 48, height: 32 }))
  })
  await page.setInputFiles("#choose", files)
  await says("#announcer", new RegExp(`^${pictures} pictures: \\d+ done, \\d+ to go\\.$`))
  const good = () => page.locator('.tile[data-state="good"]').count()
  await expect.poll(good, { timeout: 60_000 + 1_000 * pictures, interval: 500 }).toBe(pictures)
  expect(most).toBeLessThanOrEqual(3)
  expect(requests.filter(({ method }) => method === "POST")).toHaveLength(pictures)
  await says("#count", new RegExp(`^${pictures} done$`))
  await expect.poll(() => page.locator(".thumb img").count()).toBe(pictures)
  const saving = page.waitForEvent("download")
  await page.locator("#save-csv").click()
  const lines = readFileSync(await (await saving).path(), "utf8")
    .trimEnd()
    .split("\r\n")
  expect(lines).toHaveLength(pictures + 1)
  expect(lines[1]).toMatch(/^shade 0\.jpg,.+,0\.\d+,.+,cls_\w+$/)
  await page.locator("#clear").click()
  expect(await page.locator(".tile").count()).toBe(0)
}
