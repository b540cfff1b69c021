import { existsSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import jpeg from "jpeg-js"
import { describe, expect, onTestFinished, test } from "vitest"
import { processesOf, runCli, type Stack, startStack } from "../support/stack/stack-harness.ts"

const CASTLE = fileURLToPath(new URL("../../../shared/images/castle.jpg", import.meta.url))

/** The castle where the pictures lie beside the checkout; elsewhere any JPEG shows that an answer comes back. */
function picture(folder: string): { path: string; first: RegExp } {
  if (existsSync(CASTLE)) return { path: CASTLE, first: /castle|church|monastery/ }
  const data = Buffer.from(Array.from({ length: 64 * 64 * 4 }, (_value, index) => (index * 37) % 256))
  const path = join(folder, "made.jpg")
  writeFileSync(path, jpeg.encode({ data, width: 64, height: 64 }, 90).data)
  return { path, first: /./ }
}

async function start(args: readonly string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Stack> {
  const stack = await startStack(args, env)
  onTestFinished(stack.dispose)
  return stack
}

async function classify(stack: Stack): Promise<string[]> {
  const { path } = picture(stack.home)
  const args = ["classify", "--json", path, "--url", stack.url]
  const { code, stdout, stderr } = await runCli(args, stack.env)
  if (code !== 0) throw new Error(`classify ended with ${code}: ${stdout}${stderr}\n${stack.output()}`)
  return (JSON.parse(stdout) as { predictions: { label: string }[] }).predictions.map(({ label }) => label)
}

/** Some processes need a moment after the last of their words. */
const expectNoProcessLeft = (home: string) => expect.poll(() => processesOf(home)).toEqual([])

describe("claimcheck start", () => {
  test("classifies, starts a killed classifier again, and leaves nothing behind at Ctrl-C", async () => {
    // With as many lanes as the machine has cores, as somebody starts it who sets nothing.
    const stack = await start([], { LANES: undefined })
    await stack.printed(/^ready http:\/\/localhost:\d+/m)
    expect(stack.output()).toMatch(/redis .*\n.*gateway .*\n/)
    expect(stack.output()).toContain(`curl -F image=@photo.jpg ${stack.url}/v1/classifications`)
    const labels = await classify(stack)
    expect(labels).toHaveLength(5)
    expect(labels[0]).toMatch(picture(stack.home).first)

    const classifier = stack.groupOf("classifier")
    process.kill(classifier, "SIGKILL")
    await stack.printed(/classifier was ended by SIGKILL; starting it again in 0\.5 s/)
    await stack.printed(/classifier .*\(restarted\)/)
    expect(stack.groupOf("classifier")).not.toBe(classifier)
    expect(await classify(stack)).toEqual(labels)

    process.kill(stack.pid, "SIGINT")
    expect(await stack.exited).toEqual({ code: 0, signal: null })
    await expectNoProcessLeft(stack.home)
    expect(stack.output()).toContain("stopped")
    expect(existsSync(join(stack.home, "run.json"))).toBe(false)
  })

  test("takes its parts along when it is itself killed", async () => {
    const stack = await start()
    await stack.printed(/^ready /m)
    expect((await processesOf(stack.home)).length).toBeGreaterThanOrEqual(5)
    process.kill(stack.pid, "SIGKILL")
    await stack.exited
    await expectNoProcessLeft(stack.home)
  })

  test("runs the edge on Node too, and says so to a second start in the same folder", async () => {
    const stack = await start(["--edge", "node"])
    await stack.printed(/^ready /m)
    expect(await classify(stack)).toHaveLength(5)
    const second = await runCli(["start"], stack.env)
    expect(second.code).toBe(1)
    expect(second.stderr).toContain(`claimcheck already runs here (process ${stack.pid}, ${stack.url})`)
  })

  test("ends with a clear error when the port that was asked for is taken", async () => {
    const server = createServer().listen(0, "127.0.0.1")
    onTestFinished(() => void server.close())
    await new Promise((resolve) => server.once("listening", resolve))
    const { port } = server.address() as { port: number }
    const stack = await start([], { PORT: String(port) })
    expect((await stack.exited).code).toBe(1)
    expect(stack.output()).toContain(`Cannot listen on PORT=${port}: another program has that port`)
  })

  test("ends with the edge's own words when workerd runs it and its configuration is wrong", async () => {
    const stack = await start([], { RATE_LIMIT: "fast" })
    expect((await stack.exited).code).toBe(1)
    expect(stack.output()).toMatch(/edge cannot start: it does not take its configuration\n.*RATE_LIMIT must be/)
    await expectNoProcessLeft(stack.home)
  })

  test("ends with the part's own words when one cannot start", async () => {
    const stack = await start(["--edge", "node"], { LANES: "many" })
    expect((await stack.exited).code).toBe(1)
    expect(stack.output()).toMatch(/classifier cannot start: it ended with exit code \d\n.*LANES/)
    await expectNoProcessLeft(stack.home)
  })
})
