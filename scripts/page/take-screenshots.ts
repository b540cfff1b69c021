// Takes the README's pictures of the page into docs/images, from a stack that runs: `npx tsx scripts/page/take-screenshots.ts [url]`
import { mkdirSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { BrowserContextOptions } from "playwright-core"
import sharp from "sharp"
import { launchChromium } from "../../test/support/page/chromium.ts"

const [url = "http://localhost:8787"] = process.argv.slice(2)
const folder = new URL("../../docs/images/", import.meta.url)
const DESKTOP = { width: 1180, height: 1190 }
const SHOTS: Record<string, BrowserContextOptions> = {
  "page-light": { viewport: DESKTOP, colorScheme: "light" },
  "page-dark": { viewport: DESKTOP, colorScheme: "dark" },
  "page-phone": { viewport: { width: 390, height: 1480 }, isMobile: true, hasTouch: true, colorScheme: "light" },
}
/** The first is the one that is shown large. */
const NAMES = ["clock", "balloon", "football", "traffic-light", "candle", "pumpkin", "tennis-ball", "umbrella"]

mkdirSync(folder, { recursive: true })
const browser = await launchChromium()
for (const [name, options] of Object.entries(SHOTS)) {
  const page = await browser.newPage({ ...options, reducedMotion: "reduce" })
  await page.goto(url)
  const files = NAMES.map((sample) => fileURLToPath(new URL(`../../src/page/samples/${sample}.jpg`, import.meta.url)))
  await page.setInputFiles("#choose", files)
  await page
    .locator('.tile[data-state="good"]')
    .nth(NAMES.length - 1)
    .waitFor()
  await page.locator('#pulse[data-state="good"]').waitFor()
  // Few colours: a picture in a README is looked at once and fetched by everybody.
  const png = await sharp(await page.screenshot())
    .png({ palette: true, colours: 128, effort: 10 })
    .toBuffer()
  writeFileSync(new URL(`${name}.png`, folder), png)
  process.stdout.write(`${name}.png ${png.length} bytes\n`)
  await page.close()
}
await browser.close()
