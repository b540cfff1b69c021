import { describe, expect, onTestFinished, test } from "vitest"
import type { Part } from "../../../../../src/cli/stack/parts/part.ts"
import { areGone } from "../../../../../src/cli/stack/processes/are-gone.ts"
import { listProcesses } from "../../../../../src/cli/stack/processes/process-list.ts"
import { readOwnLine } from "../../../../../src/cli/stack/processes/read-part-line.ts"
import { MAX_QUICK_DEATHS } from "../../../../../src/cli/stack/processes/restart-delay.ts"
import { SupervisedPart } from "../../../../../src/cli/stack/processes/supervised-part.ts"

const READY = `console.log(JSON.stringify({ time: "t", level: "info", script: "x", event: "classifier.ready" }));`
const STAY = "setInterval(() => {}, 1000);"

/** A real process that runs `script`, and everything that was told of it. */
function supervise(script: string, overrides: Partial<Part> = {}) {
  const pids: number[] = []
  const died: string[] = []
  const lines: string[] = []
  const ups: number[] = []
  let onUp: () => void = () => undefined
  const part: Part = {
    name: "classifier",
    what: "a fake",
    address: "nowhere",
    command: process.execPath,
    args: ["-e", script],
    cwd: process.cwd(),
    env: process.env,
    ready: { by: "event", event: "classifier.ready" },
    startTimeoutMs: 10_000,
    stopGraceMs: 5_000,
    readLine: readOwnLine,
    ...overrides,
  }
  const listener = {
    spawned: (pid: number) => void pids.push(pid),
    gone: () => undefined,
    up: (_tookMs: number, restarts: number) => {
      ups.push(restarts)
      onUp()
    },
    died: (why: string) => void died.push(why),
    line: ({ raw }: { raw: string }) => void lines.push(raw),
  }
  const supervised = new SupervisedPart(part, listener, () => 0)
  onTestFinished(() => supervised.kill())
  const nextUp = () =>
    new Promise<void>((resolve) => {
      onUp = resolve
    })
  return { supervised, pids, died, lines, ups, nextUp }
}

describe("SupervisedPart", () => {
  test("is up once its event is in the log, and stops at SIGTERM with time to finish", async () => {
    const slowEnd = `process.on("SIGTERM", () => setTimeout(() => { console.log("finished"); process.exit(0) }, 200));`
    const { supervised, pids, lines } = supervise(slowEnd + READY + STAY)
    await supervised.up
    await supervised.stop()
    expect(lines.at(-1)).toBe("finished")
    expect(await areGone(pids, 1000)).toBe(true)
  })

  test("starts a part again that was killed, and names how it died", async () => {
    const { supervised, pids, died, ups, nextUp } = supervise(READY + STAY)
    await supervised.up
    const again = nextUp()
    process.kill(pids[0] ?? 0, "SIGKILL")
    await again
    expect(died).toEqual(["was ended by SIGKILL"])
    expect(ups).toEqual([0, 1])
    await supervised.stop()
  })

  test("fails with its last lines when it cannot start", async () => {
    const { supervised } = supervise(`console.error("no such model"); process.exit(3)`)
    await expect(supervised.up).rejects.toThrow("classifier cannot start: it ended with exit code 3\n    no such model")
  })

  test("fails at once when it says that it will never be up, and lives on", async () => {
    const { supervised, pids } = supervise(`console.error("ConfigError: PORT must be a port");${STAY}`, {
      refusal: /ConfigError: /,
    })
    await expect(supervised.up).rejects.toThrow(
      "classifier cannot start: it does not take its configuration\n    ConfigError: PORT must be a port",
    )
    expect(await areGone(pids, 1000)).toBe(true)
  })

  test("fails when its program is not there", async () => {
    const { supervised } = supervise("", { command: "/no/such/program" })
    await expect(supervised.up).rejects.toThrow("could not be started (spawn /no/such/program ENOENT)")
  })

  test("fails when it is not up in time, and leaves nothing running", async () => {
    const { supervised, pids } = supervise(STAY, { startTimeoutMs: 300 })
    await expect(supervised.up).rejects.toThrow("was not up within 0 s")
    expect(await areGone(pids, 1000)).toBe(true)
  })

  test("gives up on a part that dies again and again", async () => {
    const { supervised, died } = supervise(`${READY} setTimeout(() => process.exit(1), 50)`)
    await expect(supervised.ended).rejects.toThrow(`classifier died ${MAX_QUICK_DEATHS + 1} times in a row`)
    expect(died).toHaveLength(MAX_QUICK_DEATHS)
  }, 30_000)

  test("kills a part that does not listen, with all that it has started", async () => {
    const child = `require("child_process").spawn("sleep", ["1000"]);`
    const { supervised, pids } = supervise(`${child} process.on("SIGTERM", () => {}); ${READY} ${STAY}`, {
      stopGraceMs: 200,
    })
    await supervised.up
    const group = (await listProcesses()).filter(({ pgid }) => pgid === pids[0])
    expect(group.map(({ command }) => command)).toContain("sleep 1000")
    await supervised.stop()
    expect(await areGone(pids, 2000)).toBe(true)
  })

  test("starts a part again that lives but no longer answers", async () => {
    let answers = true
    const isUp = async () => answers
    const probe = { by: "probe" as const, isUp, watch: { everyMs: 20, patienceMs: 1000 } }
    const { supervised, died, nextUp } = supervise(STAY, { ready: probe })
    await supervised.up
    const again = nextUp()
    answers = false
    await expect.poll(() => died, { timeout: 20_000 }).toEqual(["no longer answered"])
    answers = true
    await again
    await supervised.stop()
  })
})
