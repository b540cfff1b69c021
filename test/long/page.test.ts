import type { Browser } from "playwright-core"
import { afterAll, beforeAll, test } from "vitest"
import { launchChromium } from "../support/page/chromium.ts"
import { expectContactSheet } from "../support/page/contact-sheet.ts"
import { type Stack, startStack } from "../support/stack/stack-harness.ts"

let stack: Stack
let browser: Browser

beforeAll(async () => {
  ;[stack, browser] = await Promise.all([startStack(["--edge", "node"]), launchChromium()])
  await stack.printed(/^ready /m)
})
afterAll(async () => {
  await browser?.close()
  await stack?.dispose()
})

test("two hundred pictures are a contact sheet", () => expectContactSheet(browser, stack.url, 200), 400_000)
