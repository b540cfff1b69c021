import { type Browser, chromium } from "playwright-core"
import { findExecutable } from "../../../src/cli/stack/redis/find-executable.ts"

/** Debian's Chromium, headless, asking nobody outside for anything. `npm test` installs it. */
export function launchChromium(): Promise<Browser> {
  const executablePath = findExecutable(["chromium"])
  if (executablePath === null) throw new Error("There is no Chromium: run the tests with `npm test`, which installs it")
  return chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      // Of each page a second process would stand ready, which nobody asks for. This replaces Playwright's own list: its others count.
      "--disable-features=SpareRendererForSitePerProcess,HttpsUpgrades,PaintHolding,Translate,MediaRouter,OptimizationHints",
    ],
  })
}
