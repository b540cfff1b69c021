import { readFileSync } from "node:fs"
import { join } from "node:path"
import type { Browser, Page } from "playwright-core"
import sharp from "sharp"
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest"
import { Operator } from "../../src/lib/queue/operator.ts"
import { Registry } from "../../src/lib/queue/registry.ts"
import { createKeys } from "../../src/lib/redis/keys.ts"
import { connectRest } from "../../src/lib/redis/rest.ts"
import { nodeEdge, openProcess } from "../support/edge/edge-process.ts"
import { sha256Hex } from "../support/edge/edge-runtime.ts"
import { flatJpeg } from "../support/images/images.ts"
import { launchChromium } from "../support/page/chromium.ts"
import { expectContactSheet } from "../support/page/contact-sheet.ts"
import { handOver, hide, jpegFile, seriousFindings, visit } from "../support/page/page-harness.ts"
import { runCli, type Stack, startStack } from "../support/stack/stack-harness.ts"
import { DEFAULT_STORE_LIMITS } from "../support/store/store-limits.ts"

const sample = (name: string) => readFileSync(new URL(`../../src/page/samples/${name}.jpg`, import.meta.url))
const PUMPKIN = jpegFile("pumpkin.jpg", sample("pumpkin"))
const CANDLE = jpegFile("candle.jpg", sample("candle"))
const CLOCK = jpegFile("clock.jpg", sample("clock"))

let stack: Stack
let browser: Browser

beforeAll(async () => {
  ;[stack, browser] = await Promise.all([startStack(["--edge", "node"]), launchChromium()])
  await stack.printed(/^ready /m)
}, 120_000)
afterAll(async () => {
  await browser?.close()
  await stack?.dispose()
})

/** Nothing is claimed until `resume` is called, or the test ends. */
async function paused(): Promise<() => Promise<void>> {
  const operator = new Operator(connectRest(restOf(stack)), createKeys(), DEFAULT_STORE_LIMITS)
  await operator.pause()
  const resume = () => operator.resume()
  onTestFinished(resume)
  return resume
}
function restOf({ home }: Stack): { url: string; token: string } {
  return (JSON.parse(readFileSync(join(home, "run.json"), "utf8")) as { rest: { url: string; token: string } }).rest
}
const now = (page: Page) => page.locator(".steps [aria-current=step]")
const press = (page: Page, name: string) => page.getByRole("button", { name, exact: true }).click()
const says = (page: Page, selector: string, text: string | RegExp) =>
  expect.poll(() => page.locator(selector).innerText()).toMatch(text)

describe("a picture handed in", () => {
  test("by choosing: its ticket's life, then the five best as bars", async () => {
    const resume = await paused()
    const { page, answered } = await visit(browser, stack.url, { reducedMotion: "no-preference" })
    await page.setInputFiles("#choose", PUMPKIN)
    await expect.poll(() => now(page).innerText()).toMatch(/Queued\s+paused/)
    expect(await page.locator("#ticket h2").innerText()).toBe("pumpkin.jpg")
    await says(page, "#queue-note", "The queue is paused")
    await resume()
    await answered(1)
    await expect.poll(() => now(page).innerText()).toMatch(/Done[\s\S]*in \d/)
    expect(await page.locator(".bars li").count()).toBe(5)
    expect(await page.locator(".bars li").first().innerText()).toMatch(/^jack-o'-lantern\s+9\d\.\d %/)
    await says(page, "#announcer", /^pumpkin\.jpg: jack-o'-lantern, 9\d\.\d %$/)
  })

  test.each(["drop", "paste"] as const)("by a %s", async (how) => {
    const { page, answered } = await visit(browser, stack.url)
    await handOver(page, how, [CANDLE, CLOCK])
    await answered(2)
    expect(await page.locator(".tile .label").allInnerTexts()).toEqual(["candle", "analog clock"])
    // What is kept of them is small. An answer that is known can be there before it is drawn.
    const sides = () =>
      page
        .locator(".thumb img")
        .evaluateAll((images) => (images as HTMLImageElement[]).map(({ naturalHeight }) => naturalHeight))
    await expect.poll(sides).toEqual([256, 256])
  })

  test("by clicking a sample, for the model that was chosen", async () => {
    const { page, requests, answered } = await visit(browser, stack.url)
    await expect.poll(() => page.locator("#model").inputValue()).toBe("efficientnet_lite0")
    await page.locator(".sample").nth(2).click()
    await answered(1)
    expect(await page.locator(".tile .label").innerText()).toBe("soccer ball")
    const upload = requests.find(({ method }) => method === "POST")
    expect(upload?.url).toContain("model=efficientnet_lite0")
  })

  test("by keyboard alone, and looked at, and removed", async () => {
    const { page, answered } = await visit(browser, stack.url)
    const choosing = page.waitForEvent("filechooser")
    await tabTo(page, "#choose")
    await page.keyboard.press("Enter")
    await (await choosing).setFiles([PUMPKIN, CANDLE, CLOCK])
    await answered(3)
    await tabTo(page, ".tile")
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("End")
    await page.keyboard.press("ArrowLeft")
    expect(await page.locator("#ticket h2").innerText()).toBe("candle.jpg")
    await page.keyboard.press("Enter")
    expect(await page.evaluate(() => document.activeElement?.id)).toBe("ticket")
    await page.keyboard.press("Tab")
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Remove")
    await page.keyboard.press("Enter")
    expect(await page.locator(".tile").count()).toBe(2)
    expect(await page.evaluate(() => document.activeElement === document.body)).toBe(false)
  })
})

/** Presses Tab until the keyboard is there. */
async function tabTo(page: Page, selector: string): Promise<void> {
  for (let presses = 0; presses < 40; presses++) {
    if (await page.evaluate((wanted) => document.activeElement?.matches(wanted), selector)) return
    await page.keyboard.press("Tab")
  }
  throw new Error(`Forty times Tab, and not at ${selector}`)
}

describe("a picture that is no small file", () => {
  test("of more bytes than the server takes is sent as a smaller, upright copy, which is said", async () => {
    const photo = await sharp(sample("umbrella"))
      .resize({ width: 1_500, height: 2_000, fit: "contain", background: "#fff" })
      .rotate(270)
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toBuffer()
    const { page, answered } = await visit(browser, stack.url)
    await page.setInputFiles("#choose", jpegFile("photo.jpg", Buffer.concat([photo, Buffer.alloc(9_000_000)])))
    await answered(1)
    expect(await page.locator(".tile .label").innerText()).toBe("umbrella")
    await says(page, "#ticket .what", /1024 × 768 · jpeg · \d+ kB/)
    await says(page, "#ticket .what", /The file has 9\.\d MB: a smaller copy of \d+ kB was sent\.$/)
    await page.reload()
    await says(page, "#ticket .what", /a smaller copy of \d+ kB was sent/)
  })

  test("of another server is named by its URL", async () => {
    const { page } = await visit(browser, stack.url)
    await page.getByLabel("URL", { exact: true }).fill("https://10.0.0.1/photos/castle.jpg")
    await page.keyboard.press("Enter")
    expect(await page.locator("#ticket h2").innerText()).toBe("castle.jpg")
    // It is a private address, and the classifier says so.
    await says(page, ".failure", /10\.0\.0\.1/)
    expect(await page.locator("#url").inputValue()).toBe("")
    await page.getByLabel("URL", { exact: true }).fill("photo.jpg")
    await page.keyboard.press("Enter")
    expect(await page.locator(".tile").count()).toBe(1)
  })

  test("is answered where somebody on a phone looks", async () => {
    const phone = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }
    const { page, answered } = await visit(browser, stack.url, phone)
    await page.setInputFiles("#choose", PUMPKIN)
    await answered(1)
    const isSeen = () =>
      page
        .locator(".bars li")
        .first()
        .evaluate((row) => {
          const { top, bottom } = row.getBoundingClientRect()
          return top >= 0 && bottom <= innerHeight
        })
    await expect.poll(isSeen).toBe(true)
  })
})

describe("many pictures", () => {
  test("are a contact sheet: three uploads at once, each with a thumbnail and an answer, and a CSV of all; two hundred: test:long", () =>
    expectContactSheet(browser, stack.url, 30))

  test("that wait can be canceled together, and only those", async () => {
    await paused()
    const { page } = await visit(browser, stack.url)
    await page.setInputFiles(
      "#choose",
      [0, 1, 2, 3, 4, 5].map((i) => jpegFile(`${i}.jpg`, flatJpeg([i, 7, 99]))),
    )
    await page.locator("#cancel-all").click()
    await expect.poll(() => page.locator(".tile .label").allInnerTexts()).toEqual(Array(6).fill("canceled"))
    // Uploads that were on their way hand their tickets back when they get them.
    await expect.poll(queueDepth).toBe(0)
  })
})

async function queueDepth(): Promise<number> {
  const response = await fetch(`${stack.url}/v1/queue`)
  return ((await response.json()) as { depth: number }).depth
}

describe("what goes wrong is said", () => {
  test("by a sentence, each beside its picture, and the next picture is answered", async () => {
    const { page, answered } = await visit(browser, stack.url)
    const whole = sample("umbrella")
    const cases = [
      ["cut.jpg", whole.subarray(0, 900), /damaged/],
      ["text.jpg", Buffer.from("This is a text"), /does not support this file format/],
      [
        "large.png",
        Buffer.concat([Buffer.from("\x89PNG\r\n\x1a\n", "latin1"), Buffer.alloc(9_000_000, 7)]),
        /larger than/,
      ],
      ["empty.jpg", Buffer.alloc(0), /empty/],
    ] as const
    for (const [name, bytes, sentence] of cases) {
      await page.setInputFiles("#choose", jpegFile(name, bytes))
      await says(page, ".failure p:first-child", sentence)
      await says(page, "#announcer", sentence)
    }
    await handOver(page, "drop", [{ name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("notes") }])
    await says(page, ".failure p:first-child", /^This is neither a picture nor a list of pictures\.$/)
    await says(page, "#announcer", /^notes\.txt: This is neither/)
    await page.setInputFiles("#choose", jpegFile("umbrella.jpg", whole))
    await answered(1)
    await says(page, "#count", /^1 done, 5 failed$/)
    expect(await page.locator("#notice").innerText()).toBe("")
  })

  test("of every file that is dropped: two pictures and a text are two done and one failed", async () => {
    const { page, answered } = await visit(browser, stack.url)
    const notes = { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("notes") }
    await handOver(page, "drop", [notes, PUMPKIN, CANDLE])
    await answered(2)
    await says(page, "#count", /^2 done, 1 failed$/)
    await says(page, "#announcer", /^3 pictures: 2 done, 1 failed\.$/)
    expect(await page.locator(".tile").allInnerTexts()).toEqual([
      expect.stringMatching(/^failed\s+notes\.txt$/),
      expect.stringContaining("jack-o'-lantern"),
      expect.stringContaining("candle"),
    ])
    expect(await page.locator("#ticket h2").innerText()).toBe("pumpkin.jpg")
  })

  test("while the server is gone, and its return is noticed by itself", async () => {
    const { page, answered } = await visit(browser, stack.url)
    await page.context().setOffline(true)
    await page.setInputFiles("#choose", PUMPKIN)
    await says(page, "#notice", /^The server cannot be reached\. Trying again/)
    await page.context().setOffline(false)
    await answered(1)
    await says(page, "#notice", /^$/)
  })
})

describe("a picture that waits for nobody", () => {
  const waits = async (page: Page, reason: string, more = "") => {
    await says(page, ".tile .label", new RegExp(`^queued, ${reason}$`))
    await expect.poll(() => now(page).innerText()).toMatch(new RegExp(`Queued\\s+${reason}${more}`))
  }

  test("while the queue is paused says so, in its tile and on its ticket, until it goes on", async () => {
    const { page, answered } = await visit(browser, stack.url)
    const resume = await paused()
    await page.setInputFiles("#choose", jpegFile("paused.jpg", flatJpeg([9, 8, 7])))
    await waits(page, "paused")
    await resume()
    await answered(1)
  })

  test("says that no classifier serves its model from when the last one leaves until another comes", async () => {
    const [redis, keys] = [connectRest(restOf(stack)), createKeys()]
    const registry = new Registry(redis, keys)
    onTestFinished(async () => void (await redis.hdel(keys.registry, "worker:ghost", "model:ghost")))
    const ghost = { id: "ghost", version: "1", name: "Ghost", inputWidth: 8, inputHeight: 8, labels: 2 }
    const beat = { untilMs: Date.now() + 600_000, lanes: 1, queues: { ghost: { jobMs: 40_000, perSecond: 0.02 } } }
    const join = () => redis.hset(keys.registry, { "worker:ghost": JSON.stringify(beat) })
    await registry.enroll([ghost], Date.now())
    await join()
    const { page } = await visit(browser, stack.url)
    await expect.poll(() => page.locator("#model option[value=ghost]").count()).toBe(1)
    await page.locator("#model").selectOption("ghost")
    await page.setInputFiles("#choose", jpegFile("waits.jpg", flatJpeg([1, 2, 3])))
    await waits(page, "next in line")
    // The next poll of its ticket is tens of seconds away: the look at the queue says it.
    await registry.leave("ghost")
    await waits(page, "no classifier", " serves the model")
    await says(page, "#queue-note", "No classifier serves ghost: 1 waiting.")
    await page.reload()
    await waits(page, "no classifier", " serves the model")
    expect(await page.locator("#model").inputValue()).toBe("ghost")
    await join()
    await waits(page, "next in line")
    await press(page, "Cancel")
    await says(page, ".tile .label", /^canceled$/)
  })
})

describe("a reload in the middle", () => {
  test("keeps tickets and pictures, makes no second ticket, and collects the answers", async () => {
    const resume = await paused()
    const { page, requests, answered } = await visit(browser, stack.url)
    await page.setInputFiles(
      "#choose",
      [0, 1, 2].map((i) => jpegFile(`${i}.jpg`, flatJpeg([200, i * 9, 31]))),
    )
    await expect
      .poll(async () => (await page.locator(".tile .label").allInnerTexts()).toSorted())
      .toEqual(["queued, paused", "queued, paused", "queued, paused"])
    await page.reload()
    await expect.poll(() => page.locator(".thumb img").count()).toBe(3)
    await resume()
    await answered(3)
    // A ticket that came in the moment of the reload is asked for again, as the same request.
    const keys = requests.filter(({ method }) => method === "POST").map(({ idempotencyKey }) => idempotencyKey)
    expect(new Set(keys).size).toBe(3)
    await page.reload()
    await expect.poll(() => page.locator('.tile[data-state="good"]').count()).toBe(3)
    await expect.poll(() => page.locator(".bars li").count()).toBe(5)
  })

  test("uploads what was not uploaded yet, as the same request", async () => {
    const { page, requests, answered } = await visit(browser, stack.url)
    let isStuck = true
    await page.route("**/v1/classifications*", (route) => (isStuck ? new Promise(() => undefined) : route.continue()))
    await page.setInputFiles("#choose", CLOCK)
    const uploads = () => requests.filter(({ method }) => method === "POST")
    await expect.poll(() => uploads().length).toBe(1)
    isStuck = false
    await page.reload()
    await answered(1)
    const [first, second] = uploads()
    expect(first?.idempotencyKey).toMatch(/^[0-9a-f]{32}$/)
    expect(second?.idempotencyKey).toBe(first?.idempotencyKey)
  })
})

describe("an edge that wants an API key", () => {
  test("is given one, says when it is wrong, and goes on where it stood", async () => {
    const rest = restOf(stack)
    const edge = await openProcess(nodeEdge(), {
      UPSTASH_REDIS_REST_URL: rest.url,
      UPSTASH_REDIS_REST_TOKEN: rest.token,
      TICKET_SECRET: "a-secret-of-this-test",
      API_KEYS: `page:${await sha256Hex("the-right-key")}`,
    })
    onTestFinished(() => edge.close())
    const { page, answered } = await visit(browser, edge.url)
    await page.locator("#key-form").waitFor()
    await page.setInputFiles("#choose", PUMPKIN)
    await says(page, ".tile .label", /^waiting for your key$/)
    await expect.poll(() => now(page).innerText()).toMatch(/Waiting\s+for your key/)
    for (const key of ["the-wrong-key", "kein Schlüssel"]) {
      await page.fill("#key", key)
      await page.keyboard.press("Enter")
      await says(page, "#key-note", "The server does not know this key.")
    }
    await page.fill("#key", "the-right-key")
    await page.keyboard.press("Enter")
    await answered(1)
    expect(await page.locator("#key-form").isVisible()).toBe(false)
    await page.reload()
    await page.locator(".sample").first().click()
    await answered(2)
  })
})

describe("the view of the queue", () => {
  test("shows what there is, and rests while nobody looks", async () => {
    const { page, requests } = await visit(browser, stack.url)
    await says(page, "#figure-classifiers", /^1$/)
    await says(page, "#pulse", /^idle$/)
    expect(await page.locator("#figure-rate").innerText()).toMatch(/^\d+(\.\d)?$/)
    const looks = () => requests.filter(({ url }) => url.endsWith("/v1/queue")).length
    await page.clock.install()
    await page.reload()
    await says(page, "#pulse", /^idle$/)
    await hide(page, true)
    await page.clock.runFor(60_000)
    await untilSeen(page)
    const before = looks()
    await page.clock.runFor(60_000)
    await untilSeen(page)
    expect(looks()).toBe(before)
    await hide(page, false)
    await expect.poll(looks).toBeGreaterThan(before)
  })

  test("rests when nobody has touched the page for a while, until somebody does", async () => {
    const { page, requests } = await visit(browser, stack.url)
    await page.clock.install()
    await page.reload()
    await says(page, "#pulse", /^idle$/)
    const looks = () => requests.filter(({ url }) => url.endsWith("/v1/queue")).length
    // The clock goes on by itself, too: a look may have been due just before the long while.
    await page.clock.fastForward(400_000)
    await untilSeen(page)
    const before = looks()
    await page.clock.runFor(60_000)
    await untilSeen(page)
    expect(looks()).toBe(before)
    await page.keyboard.press("Shift")
    await expect.poll(looks).toBeGreaterThan(before)
  })
})

/** What the page asked for before this is answered has been seen by then. */
const untilSeen = (page: Page) => page.evaluate(() => fetch("/healthz").then((response) => response.text()))

describe("what the browser remembers", () => {
  test("the model that was chosen of several; at first it is the server's choice", async () => {
    const { page } = await visit(browser, stack.url)
    const models = ["one", "two"].map((id) => ({ id, name: `Model ${id}`, labels: 1_000 }))
    await page.route("**/v1/models", (route) => route.fulfill({ json: { models } }))
    await page.reload()
    await expect
      .poll(() => page.locator("#model option").allInnerTexts())
      .toEqual(["The server's choice", "Model one · 1,000 labels", "Model two · 1,000 labels"])
    expect(await page.locator("#model").inputValue()).toBe("")
    await page.selectOption("#model", "two")
    await page.reload()
    await expect.poll(() => page.locator("#model").inputValue()).toBe("two")
  })

  test("nothing, where it is told to; the page says so and works", async () => {
    const { page, answered } = await visit(browser, stack.url)
    await page.addInitScript(() => {
      const refuse = () => {
        throw new DOMException("Not here", "SecurityError")
      }
      for (const name of ["indexedDB", "localStorage", "sessionStorage"])
        Object.defineProperty(window, name, { get: refuse })
    })
    await page.reload()
    await page.setInputFiles("#choose", PUMPKIN)
    await answered(1)
    await says(page, "#kept-note", /^This browser stores nothing/)
    await page.reload()
    await page.locator(".sample img").first().waitFor()
    expect(await page.locator(".tile").count()).toBe(0)
  })
})

describe("for everybody", () => {
  test.each(["light", "dark"] as const)(
    "axe finds nothing serious in %s: empty, waiting, answered, failed",
    async (colorScheme) => {
      const { page, answered } = await visit(browser, stack.url, { colorScheme })
      expect(await seriousFindings(page)).toEqual([])
      const resume = await paused()
      await page.setInputFiles("#choose", jpegFile("one.jpg", flatJpeg([colorScheme === "dark" ? 1 : 2, 80, 10])))
      await expect.poll(() => now(page).innerText()).toMatch(/Queued/)
      expect(await seriousFindings(page)).toEqual([])
      await resume()
      await answered(1)
      expect(await seriousFindings(page)).toEqual([])
      await page.setInputFiles("#choose", jpegFile("bad.jpg", Buffer.from("a text")))
      await page.locator(".failure").waitFor()
      expect(await seriousFindings(page)).toEqual([])
    },
  )

  test("on a phone: nothing wider than the screen, a camera to take a picture with, fingers find the buttons", async () => {
    const viewport = { width: 360, height: 740 }
    const { page, answered } = await visit(browser, stack.url, { viewport, hasTouch: true, isMobile: true })
    expect(await page.locator("#camera").getAttribute("capture")).toBe("environment")
    expect(await page.locator("#camera-label").isVisible()).toBe(true)
    await page.setInputFiles("#camera", jpegFile(`${"a very long name ".repeat(8)}.jpg`, sample("balloon")))
    await answered(1)
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360)
    const low = await page
      .locator(".button:visible")
      .evaluateAll((buttons) =>
        buttons.filter((button) => button.getBoundingClientRect().height < 40).map((button) => button.textContent),
      )
    expect(low).toEqual([])
  })
})

describe("the samples", () => {
  test("are named rightly by the embedded model", async () => {
    const { samples } = (await (await fetch(`${stack.url}/v1/samples`)).json()) as {
      samples: { name: string; label: string; url: string }[]
    }
    const said = await Promise.all(
      samples.map(async ({ url }) => {
        const bytes = await (await fetch(stack.url + url)).arrayBuffer()
        const headers = { prefer: "wait=30", "cache-control": "no-cache" }
        const response = await fetch(`${stack.url}/v1/classifications`, { method: "POST", body: bytes, headers })
        return ((await response.json()) as { predictions?: { label: string }[] }).predictions?.[0]?.label
      }),
    )
    expect(said).toEqual(samples.map(({ label }) => label))
  })

  test("can be taken by `claimcheck classify sample:NAME`", async () => {
    const env = { ...stack.env, CLAIMCHECK_URL: stack.url, NO_COLOR: "1" }
    const { code, stdout } = await runCli(["classify", "--json", "sample:pumpkin"], env)
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      file: "sample:pumpkin",
      predictions: [{ label: "jack-o'-lantern" }, {}, {}, {}, {}],
    })
    const unknown = await runCli(["classify", "sample:nothing"], env)
    expect([unknown.code, unknown.stderr]).toEqual([
      1,
      expect.stringMatching(/There is no sample "nothing"\. There are: pumpkin, balloon/),
    ])
  })
})
