import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import jpeg from "jpeg-js"
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest"
import { freePort } from "../support/free-ports.ts"
import { processesOf, runCli, type Stack, startStack } from "../support/stack/stack-harness.ts"

const folder = mkdtempSync(join(tmpdir(), "claimcheck-webhook-"))
const photo = join(folder, "photo.jpg")
writeFileSync(photo, jpeg.encode({ data: Buffer.alloc(64 * 64 * 4, 99), width: 64, height: 64 }, 90).data)

let stack: Stack
let env: NodeJS.ProcessEnv
let port: number

beforeAll(async () => {
  port = await freePort()
  stack = await startStack(["--edge", "node"], { ALLOW_ADDRESSES: `127.0.0.1:${port}` })
  await stack.printed(/^ready /m)
  env = { ...stack.env, CLAIMCHECK_URL: stack.url, NO_COLOR: "1" }
})
afterAll(async () => {
  await stack.dispose()
  rmSync(folder, { recursive: true })
})

const cli = (...args: string[]) => runCli(args, env)
const receiver = () => `http://127.0.0.1:${port}`

/** A command that runs until it is told to stop. */
function running(...args: string[]) {
  let output = ""
  let signal = (_name: NodeJS.Signals) => true
  const exited = runCli(args, env, (child) => {
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (data) => (output += String(data)))
    signal = (name) => child.kill(name)
  })
  const stopped = async (by: NodeJS.Signals = "SIGINT") => {
    signal(by)
    return (await exited).code
  }
  onTestFinished(async () => void (await stopped()))
  return {
    stopped,
    output: () => output,
    prints: (pattern: RegExp) => expect.poll(() => output, { timeout: 30_000 }).toMatch(pattern),
  }
}

test("an answer comes again to a receiver that failed first, verified, and its attempts can be seen", async () => {
  const listener = running("webhook", "listen", "--port", String(port), "--fail", "1")
  await listener.prints(/^Listening for webhooks: /m)
  const classified = await cli("classify", "--json", "--webhook", `${receiver()}/hooks?secret=hunter2`, photo)
  // Who sent the picture hears of it, and the picture is classified all the same.
  expect(classified).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(
      /^webhook http\S+ did not take the answer: .*500.*; it is tried again for three days/,
    ),
  })
  const { id } = JSON.parse(classified.stdout) as { id: string }
  await listener.prints(new RegExp(`classification\\.succeeded {2}${id} {2}.*% {2}verified ✓ {2}answered 500\n`))
  await listener.prints(new RegExp(`classification\\.succeeded {2}${id} {2}.*% {2}verified ✓\n`))

  const attempts = async () => JSON.parse((await cli("webhook", "show", "--json", id)).stdout).deliveries[0].attempts
  await expect.poll(attempts).toMatchObject([{ status: 500 }, { status: 204 }])
  const shown = (await cli("webhook", "show", id)).stdout
  expect(shown).toMatch(/^cls_.* {2}to http:.*\n\n {2}classification\.succeeded {2}delivered {2}msg_.*\n(.*\n){3}$/)
  expect(shown).not.toContain("hunter2")

  const forged = await fetch(receiver(), { method: "POST", body: "{}" })
  expect(forged.status).toBe(401)
  await listener.prints(/refused with 401 {2}it has no webhook-id/)
  expect(await listener.stopped()).toBe(130)
})

test("a receiver that wants no more is listed, and the event can be sent again or dropped", async () => {
  expect((await cli("webhook", "undelivered")).stdout).toBe("There are no undelivered webhooks.\n")
  const server = createServer((_request, response) => response.writeHead(410).end()).listen(port, "127.0.0.1")
  onTestFinished(() => void server.close())
  const { stdout } = await cli("classify", "--json", "--webhook", receiver(), photo)
  const { id } = JSON.parse(stdout) as { id: string }
  const listed = async () => (await cli("webhook", "undelivered")).stdout
  const row = new RegExp(`(msg_\\S+) {2}${receiver()} .* ago {2}410, wants no more {2}none +${id}\n`)
  await expect.poll(listed, { timeout: 30_000 }).toMatch(row)
  const [, event = ""] = row.exec(await listed()) ?? []
  expect(JSON.parse((await cli("webhook", "undelivered", "--json")).stdout)).toMatchObject({
    id: event,
    ticket_id: id,
    receiver: receiver(),
    state: "gone",
  })

  expect(await cli("webhook", "resend", "--all")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("Send 1 webhook (1 given up) again, to their receivers. Nobody can be asked here"),
  })
  expect((await cli("webhook", "resend", event)).stdout).toBe("1 webhook will be sent again\n")
  const attempts = async () => JSON.parse((await cli("webhook", "show", "--json", id)).stdout).deliveries[0].attempts
  await expect.poll(attempts, { timeout: 30_000 }).toHaveLength(2)
  await expect.poll(listed, { timeout: 30_000 }).toContain(event)
  expect((await cli("webhook", "drop", "--all", "--yes")).stdout).toBe("1 webhook (1 given up) dropped\n")
  expect(await cli("webhook", "drop", event, "--yes")).toMatchObject({
    code: 1,
    stderr: `error ${event}: not among the undelivered, or being sent just now\n`,
  })
  expect((await cli("webhook", "resend", "msg_nothing")).code).toBe(1)
})

test("`claimcheck deliver` delivers by itself, and leaves nothing behind", async () => {
  const before = (await processesOf(stack.home)).length
  const listener = running("webhook", "listen", "--port", String(port), "--json")
  await listener.prints(/^Listening/m)
  const deliverer = running("deliver")
  await deliverer.prints(/deliverer\.ready/)
  // The classifier delivers, too: it is held while the event is sent again, so that only the other one can.
  const { stdout } = await cli("classify", "--json", "--webhook", receiver(), photo)
  const { id } = JSON.parse(stdout) as { id: string }
  await listener.prints(new RegExp(`"verified":true.*${id}`))
  const classifier = stack.groupOf("classifier")
  process.kill(-classifier, "SIGSTOP")
  try {
    const { deliveries } = JSON.parse((await cli("webhook", "show", "--json", id)).stdout) as {
      deliveries: { id: string }[]
    }
    expect((await cli("webhook", "resend", deliveries[0]?.id ?? "")).code).toBe(0)
    await expect.poll(() => listener.output().split(`"data":{"id":"${id}"`).length, { timeout: 30_000 }).toBe(3)
  } finally {
    process.kill(-classifier, "SIGCONT")
  }
  expect(await deliverer.stopped()).toBe(0)
  await listener.stopped()
  // A process is in the list for a moment after its end was told.
  await expect.poll(async () => (await processesOf(stack.home)).length).toBe(before)
})

test("`claimcheck deliver` takes its process along when it is itself killed", async () => {
  const before = (await processesOf(stack.home)).length
  const deliverer = running("deliver", "--json")
  await deliverer.prints(/"deliverer\.ready"/)
  await deliverer.stopped("SIGKILL")
  await expect.poll(async () => (await processesOf(stack.home)).length, { timeout: 30_000 }).toBe(before)
})

test("an API key's settings are changed, and a secret is shown once", async () => {
  const none = "key      alice\nurl      none\nsecrets  none of its own: webhooks are signed with the deployment's\n"
  await cli("keys", "create", "alice")
  expect((await cli("webhook", "settings", "alice")).stdout).toBe(none)
  expect(await cli("webhook", "settings", "alcie")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("There is no key alcie"),
  })
  const made = (await cli("webhook", "settings", "alice", "--url", "https://example.com/hooks", "--rotate")).stdout
  expect(made).toMatch(
    /^key .*\nurl {6}https:\/\/example\.com\/hooks\nsecrets {2}1 secret, and the deployment's until --drop-old\nwhsec_\S+\n$/,
  )
  const { secret } = JSON.parse((await cli("webhook", "settings", "alice", "--rotate", "--json")).stdout)
  const shown = (await cli("webhook", "settings", "alice", "--no-url")).stdout
  expect(shown).toContain("url      none\nsecrets  2 secrets")
  expect(shown).not.toContain(secret)
  expect((await cli("webhook", "settings", "alice", "--drop-old")).stdout).toContain("secrets  1 secret\n")
  expect(await cli("webhook", "settings", "alice", "--url", "ftp://x")).toMatchObject({ code: 2 })
})

test("the stack's webhook secret is in no output and in no process list", async () => {
  const { webhookSecrets } = JSON.parse(readFileSync(join(stack.home, "secrets.json"), "utf8")) as {
    webhookSecrets: string[]
  }
  const commands = (await processesOf(stack.home)).join("\n")
  expect(webhookSecrets).toHaveLength(1)
  expect((await cli("webhook", "secret")).stdout).toBe(`${webhookSecrets[0]}\n`)
  for (const secret of webhookSecrets) expect(stack.output() + commands).not.toContain(secret)
})
