import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import jpeg from "jpeg-js"
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest"
import { JobStore } from "../../src/lib/queue/job-store.ts"
import { createKeys } from "../../src/lib/redis/keys.ts"
import { connectRest } from "../../src/lib/redis/rest.ts"
import { runCli, type Stack, startStack } from "../support/stack/stack-harness.ts"
import { DEFAULT_STORE_LIMITS } from "../support/store/store-limits.ts"

const folder = mkdtempSync(join(tmpdir(), "claimcheck-cli-"))
const [one = "", two = ""] = ["photo2.jpg", "photo10.jpg"].map((name, seed) => {
  const data = Buffer.from(Array.from({ length: 64 * 64 * 4 }, (_value, index) => (index * (37 + seed)) % 256))
  const path = join(folder, name)
  writeFileSync(path, jpeg.encode({ data, width: 64, height: 64 }, 90).data)
  return path
})

type TicketLine = { file: string; id: string; status: string; predictions: unknown[]; error?: { code: string } }

let stack: Stack
let env: NodeJS.ProcessEnv

beforeAll(async () => {
  stack = await startStack(["--edge", "node"], { MAX_ATTEMPTS: "1" })
  await stack.printed(/^ready /m)
  env = { ...stack.env, CLAIMCHECK_URL: stack.url, NO_COLOR: "1" }
})
afterAll(async () => {
  await stack.dispose()
  rmSync(folder, { recursive: true })
})

const cli = (...args: string[]) => runCli(args, env)
const linesOf = <T>(text: string): T[] =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as T)

async function ok(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await cli(...args)
  if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}: ${stdout}${stderr}`)
  expect(stderr).toBe("")
  return stdout
}

async function paused(): Promise<void> {
  await ok("pause")
  onTestFinished(async () => void (await ok("resume")))
}

/** A ticket of a job that nobody has claimed yet. */
async function waitingTicket(): Promise<string> {
  const form = readFileSync(one)
  const headers = { "cache-control": "no-cache" }
  const response = await fetch(`${stack.url}/v1/classifications`, { method: "POST", body: form, headers })
  return ((await response.json()) as { id: string }).id
}

describe("claimcheck classify", () => {
  test("prints the pictures of a folder in their order, and nothing else when piped", async () => {
    const lines = linesOf<TicketLine>(await ok("classify", "--json", "--top-k", "2", folder))
    expect(lines.map(({ file }) => file)).toEqual([one, two])
    for (const { status, predictions } of lines) expect([status, predictions.length]).toEqual(["succeeded", 2])
    expect(await ok("classify", join(folder, "*2.jpg"))).toMatch(/^.*photo2\.jpg {2}64×64 jpeg · .*\n( {2}.*%\n){5}$/)
  })

  test("tells each failure where it happened, and ends with 1", async () => {
    const { code, stdout, stderr } = await cli("classify", "none.jpg", one)
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /^error none\.jpg: Cannot read none\.jpg: there is no such file\n1 done, 1 failed · .*\/s\n$/,
    )
    expect(stdout).toContain("photo2.jpg")
    const [line] = linesOf<TicketLine>((await cli("classify", "--json", "package.json")).stdout)
    expect(line?.error?.code).toBe("unsupported_image")
  })

  test("says at once that nothing runs", async () => {
    const timed = async (...args: string[]) => {
      const startedMs = performance.now()
      return { ...(await cli(...args)), tookMs: performance.now() - startedMs }
    }
    const help = await timed("classify", "--help")
    const { code, stderr, tookMs } = await timed("classify", one, "--url", "http://127.0.0.1:2")
    expect(code).toBe(1)
    expect(stderr).toContain("Is `npm start` running?")
    // Most of both is to start the process; to try again would take tens of seconds.
    expect(tookMs / help.tookMs).toBeLessThan(15)
  })

  test("reads a picture from standard input", async () => {
    const { code, stdout } = await runCli(["classify", "-"], env, undefined, readFileSync(one))
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^- {2}64×64 jpeg · /)])
  })

  test("says so when the webhook's address may not be reached", async () => {
    const { code, stderr } = await cli("classify", "--webhook", "http://127.0.0.1:9/hook", one)
    expect(code).toBe(0)
    expect(stderr).toMatch(
      /^webhook http:\/\/127\.0\.0\.1:9 did not take the answer: .* Each try: claimcheck webhook show cls_/,
    )
  })

  test("at Ctrl-C says which tickets go on and how to come back, and ends with 130", async () => {
    await paused()
    const { code, stdout, stderr } = await runCli(["classify", "--no-cache", one], env, (child) => {
      const interruptOnceQueued = async () => {
        await expect.poll(async () => JSON.parse(await ok("queue", "--json")).depth, { timeout: 30_000 }).toBe(1)
        child.kill("SIGINT")
      }
      void interruptOnceQueued()
    })
    expect([code, stdout]).toEqual([130, ""])
    const [, id = ""] =
      /^(?:waiting The queue is paused.*\n)?Interrupted: 0 answered, 1 in work\. 1 ticket goes on at the server; the answers:\n {2}claimcheck ticket --wait (cls_\w+)\n {2}\1 {2}\S+\n$/.exec(
        stderr,
      ) ?? []
    await ok("resume")
    expect(await ok("ticket", "--wait", id)).toContain("%")
  })
})

describe("claimcheck ticket", () => {
  test("shows what waits, waits for it, and shows the answer", async () => {
    await ok("pause")
    const id = await waitingTicket()
    expect(await ok("ticket", id)).toMatch(new RegExp(`^${id} {2}queued\\n {2}place `))
    const [answer] = await Promise.all([ok("ticket", "--wait", "--json", id), ok("resume")])
    expect(JSON.parse(answer)).toMatchObject({ id, status: "succeeded" })
    expect(await ok("ticket", id)).toContain("%")
    expect((await cli("ticket", "--cancel", id)).stderr).toContain("already_finished")
  })

  test("cancels, and says that a canceled one has no answer", async () => {
    await paused()
    const id = await waitingTicket()
    expect(await ok("ticket", "--cancel", id)).toContain(`${id}  canceled`)
    expect(await cli("ticket", "--wait", id)).toMatchObject({ code: 1, stderr: "" })
    expect((await cli("ticket", "cls_unknown")).stderr).toBe(
      "error cls_unknown: There is no such ticket, or it has expired, or it belongs to an API key (--key) (not_found)\n",
    )
  })
})

describe("claimcheck queue, pause, resume", () => {
  test("show what waits and whether anybody works", async () => {
    await paused()
    const id = await waitingTicket()
    expect(await ok("queue")).toMatch(/^1 waiting \(.* kB\) · 0 in work · 0 dead · 1 classifier · paused\n\nqueue /)
    await ok("ticket", "--cancel", id)
    // An edge looks at the queue once a second for all who ask.
    const queue = async () => JSON.parse(await ok("queue", "--json"))
    await expect.poll(queue).toMatchObject({ depth: 0, paused: true })
    await ok("resume")
    await expect.poll(() => ok("queue")).toMatch(/^0 waiting · .* 1 classifier\n/)
  })

  test("pause one model, and limit how many of its jobs are worked on", async () => {
    const { models } = JSON.parse(await ok("models", "--json")) as { models: { id: string }[] }
    const model = models[0]?.id ?? ""
    expect(await ok("pause", "--model", model)).toContain(`claimcheck resume --model ${model}`)
    expect(await ok("queue", "limit", model, "2")).toBe(`${model}: at most 2 jobs at once\n`)
    const id = await waitingTicket()
    await expect
      .poll(() => ok("queue"))
      .toContain(`paused ${model}; claimcheck resume --model ${model}\nlimited ${model}: 2 jobs`)
    expect(await ok("resume", "--model", model)).toBe("Resumed: classifiers claim again.\n")
    expect(await ok("ticket", "--wait", id)).toContain(id)
    expect(await ok("queue", "limit", model, "none")).toContain("as many jobs as there are lanes")
    expect(await cli("pause", "--model", "typo")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("no model typo"),
    })
  })

  test("find the queue of this machine in a file that only its user may read", async () => {
    expect(statSync(join(stack.home, "run.json")).mode & 0o077).toBe(0)
    const elsewhere = join(folder, "nothing-runs-here")
    mkdirSync(elsewhere)
    const { code, stderr } = await runCli(["pause"], { ...env, CLAIMCHECK_HOME: elsewhere })
    expect([code, stderr]).toEqual([1, expect.stringContaining("no stack runs here. Start one with `npm start`")])
  })
})

describe("claimcheck jobs", () => {
  test("finds what waits by state, model, caller and age, and cancels what matches", async () => {
    await paused()
    const [first, second] = [await waitingTicket(), await waitingTicket()]
    const jobOf = (ticket: string) => ticket.slice(4, 30)
    const found = async (...filters: string[]) =>
      linesOf<{ id: string }>(await ok("jobs", "--json", ...filters)).map(({ id }) => id)
    expect(await found()).toEqual([first, second].map(jobOf))
    const [job] = linesOf<{ model: string; caller: string }>(await ok("jobs", "--json", "--limit", "1"))
    expect(await found("--state", "queued", "--model", job?.model ?? "", "--caller", job?.caller ?? "")).toHaveLength(2)
    for (const filter of [
      ["--state", "processing"],
      ["--caller", "key:nobody"],
      ["--older-than", "1h"],
    ])
      expect(await ok("jobs", ...filter)).toBe("There are no such jobs.\n")
    expect(await ok("jobs")).toMatch(new RegExp(`^job +state .*\\n${jobOf(first)} +queued +${job?.model} `))

    expect(await cli("jobs", "cancel")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("a filter, or --all"),
    })
    expect(await cli("jobs", "cancel", "--all")).toMatchObject({ code: 2, stderr: expect.stringContaining("--yes") })
    expect(await ok("jobs", "cancel", "--caller", "key:nobody", "--yes")).toBe("0 jobs canceled\n")
    expect(await ok("jobs", "cancel", "--state", "queued", "--yes")).toBe("2 jobs canceled\n")
    expect(await found()).toEqual([])
  })
})

describe("claimcheck dead", () => {
  /** Claims a job as a classifier would, and gives it up: with one attempt, it is dead. */
  async function bury(): Promise<string> {
    const { rest } = JSON.parse(readFileSync(join(stack.home, "run.json"), "utf8")) as {
      rest: { url: string; token: string }
    }
    const store = new JobStore(connectRest(rest), createKeys(), DEFAULT_STORE_LIMITS)
    const classifier = stack.groupOf("classifier")
    process.kill(-classifier, "SIGSTOP")
    try {
      const ticket = await waitingTicket()
      const { models } = (await (await fetch(`${stack.url}/v1/models`)).json()) as { models: { id: string }[] }
      const nowMs = Date.now()
      const { jobs } = await store.claim({
        worker: "a-test",
        queues: models.map(({ id }) => id),
        max: 1,
        nowMs,
        leaseMs: 60_000,
        token: crypto.randomUUID(),
        isIdle: true,
      })
      const [job] = jobs
      expect(job?.input.ticketId).toBe(ticket)
      const lease = { jobId: job?.id ?? "", token: job?.leaseToken ?? "" }
      expect(await store.retry(lease, "the test gave up", { nowMs, counts: true })).not.toBe("lost")
      return ticket
    } finally {
      process.kill(-classifier, "SIGCONT")
    }
  }

  test("lists, shows and sends again what used up its attempts", async () => {
    expect(await ok("dead", "list")).toBe("There are no dead letters.\n")
    const ticket = await bury()
    expect(await ok("dead", "list")).toMatch(/ {2}ip:.* {2}the test gave up\n$/)
    expect(await ok("dead", "show", ticket)).toMatch(/attempts +1 of 1\n/)
    expect((await cli("dead", "retry", "--all")).stderr).toContain("Send 1 dead letter again")
    expect(await ok("dead", "retry", ticket)).toBe("1 job back in the queue\n")
    expect(await ok("ticket", "--wait", ticket)).toContain("%")
    const gone = await cli("dead", "show", ticket)
    expect([gone.code, gone.stderr]).toEqual([1, expect.stringContaining("There is no dead letter")])
  })

  test("drops what it said it would, when told to", async () => {
    const ticket = await bury()
    const asked = await cli("dead", "drop", "--all")
    expect([asked.code, asked.stderr]).toEqual([
      2,
      "error Drop 1 dead letter with their images, permanently. Nobody can be asked here: add --yes to do it\n",
    ])
    expect(await ok("dead", "drop", ticket, "--yes")).toBe("1 dead letter dropped\n")
    expect(await ok("dead", "list")).toBe("There are no dead letters.\n")
    expect(await ok("ticket", ticket)).toContain("attempts_exhausted")
  })
})

describe("claimcheck stress", () => {
  test("answers all, infers each, and gives the numbers", async () => {
    const report = JSON.parse(await ok("stress", "-n", "20", "-c", "5", "--json", folder))
    expect(report).toMatchObject({ requests: 20, answered: 20, failed: 0, cached: 0, failures: [] })
    expect(report.latency_ms.p50).toBeLessThanOrEqual(report.latency_ms.p99)
    await ok("classify", one)
    expect(await ok("stress", "-n", "20", "-c", "5", "--cached", one)).toMatch(
      /^20 of 20 answered in .* polls per ticket · 20 answers known before\n\n {2}p50 .* max .*\n\n( .*\n)+$/,
    )
  })

  test("ends with 1 when a request was not answered", async () => {
    const { code, stdout } = await cli("stress", "-n", "2", "-c", "1", "package.json")
    expect(code).toBe(1)
    expect(stdout).toMatch(/^0 of 2 answered in .*\n\n2 failed: .* \(unsupported_image\)\n$/)
  })
})

test("claimcheck --help ends well though its reader has gone", async () => {
  const { code, stderr } = await runCli(["--help"], env, ({ stdout }) => stdout?.destroy())
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
})
