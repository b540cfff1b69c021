import { readFileSync } from "node:fs"
import type { Browser, BrowserContextOptions, Page } from "playwright-core"
import { expect, onTestFinished } from "vitest"

export type Visit = {
  page: Page
  /** Bodies and all of what the page asked for, in order. */
  requests: { method: string; url: string; idempotencyKey: string | undefined }[]
  /** What a browser complains of; a refusal by the server is a complaint, too. */
  complaints: string[]
  /** Tickets that are done, and well. */
  answered: (count: number) => Promise<void>
}

const AXE = readFileSync(new URL("../../../node_modules/axe-core/axe.min.js", import.meta.url), "utf8")

/** Chromium says so of each answer that is an error; whether that is right is for the test to say. */
const REFUSAL = /Failed to load resource/

/**
 * A browser of its own, with nothing in its history. When the test ends, nothing may have been complained of, nothing asked of
 * another host, and nothing stopped by the Content-Security-Policy. Nothing moves unless `options` say so: to draw it takes a core.
 */
export async function visit(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Visit> {
  const context = await browser.newContext({ reducedMotion: "reduce", ...options })
  const page = await context.newPage()
  const requests: Visit["requests"] = []
  const complaints: string[] = []
  page.on("request", (request) => {
    const idempotencyKey = request.headers()["idempotency-key"]
    requests.push({ method: request.method(), url: request.url(), idempotencyKey })
  })
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text())
  })
  page.on("pageerror", (error) => complaints.push(String(error)))
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI }) => {
      // biome-ignore lint/suspicious/noConsole: this runs in the page, and its console is listened to
      console.error(`CSP: ${violatedDirective} ${blockedURI}`)
    })
  })
  onTestFinished(async () => {
    await context.close()
    expect(complaints.filter((complaint) => !REFUSAL.test(complaint))).toEqual([])
    const { host } = new URL(url)
    const elsewhere = requests.filter(
      (request) => !request.url.startsWith("blob:") && new URL(request.url).host !== host,
    )
    expect(elsewhere).toEqual([])
  })
  await page.goto(url)
  await page.locator(".sample img").first().waitFor()
  return {
    page,
    requests,
    complaints,
    answered: (count) =>
      expect.poll(() => page.locator('.tile[data-state="good"]').count(), { timeout: 60_000 }).toBe(count),
  }
}

export type PageFile = { name: string; mimeType: string; buffer: Buffer }

export function jpegFile(name: string, bytes: Uint8Array): PageFile {
  return { name, mimeType: "image/jpeg", buffer: Buffer.from(bytes) }
}

/** Hands files to the page as a drop or a paste does. */
export async function handOver(page: Page, how: "drop" | "paste", files: readonly PageFile[]): Promise<void> {
  const given = files.map(({ name, mimeType, buffer }) => ({ name, mimeType, base64: buffer.toString("base64") }))
  await page.evaluate(
    ({ how, given }) => {
      const data = new DataTransfer()
      for (const { name, mimeType, base64 } of given) {
        const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))
        data.items.add(new File([bytes], name, { type: mimeType }))
      }
      const options = { bubbles: true, cancelable: true }
      document.body.dispatchEvent(
        how === "drop"
          ? new DragEvent("drop", { ...options, dataTransfer: data })
          : new ClipboardEvent("paste", { ...options, clipboardData: data }),
      )
    },
    { how, given },
  )
}

/** As a tab is that lies behind another. */
export async function hide(page: Page, hidden: boolean): Promise<void> {
  await page.evaluate((value) => {
    Object.defineProperty(document, "hidden", { value, configurable: true })
    document.dispatchEvent(new Event("visibilitychange"))
  }, hidden)
}

type Finding = { id: string; impact: string; nodes: { html: string }[] }

/** What axe finds serious or critical in the page as it stands. */
export async function seriousFindings(page: Page): Promise<string[]> {
  if (!(await page.evaluate("'axe' in window"))) await page.evaluate(AXE)
  const { violations } = await page.evaluate<{ violations: Finding[] }>("axe.run()")
  const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical")
  return serious.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`)
}
