import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import jpeg from "jpeg-js"
import { afterAll, beforeAll, expect, test } from "vitest"
import { runCli, type Stack, startStack } from "../support/stack/stack-harness.ts"

const folder = mkdtempSync(join(tmpdir(), "claimcheck-keys-"))
const SECRET = "a-payload-secret-of-thirty-two-or-more"

let stack: Stack
let env: NodeJS.ProcessEnv
const made: string[] = []

beforeAll(async () => {
  stack = await startStack(["--edge", "node"], { ALLOW_ANONYMOUS: "false", PAYLOAD_SECRET: SECRET })
  await stack.printed(/^ready /m)
  env = { ...stack.env, CLAIMCHECK_URL: stack.url, NO_COLOR: "1" }
})
afterAll(async () => {
  for (const secret of [...made, SECRET]) expect(stack.output()).not.toContain(secret)
  await stack.dispose()
  rmSync(folder, { recursive: true })
})

const cli = (...args: string[]) => runCli(args, env)

/** Revoked by one test, and refused in another: it takes a while. */
let revoked = ""

let pictures = 0
function newPicture(): string {
  const path = join(folder, `${++pictures}.jpg`)
  const data = Buffer.alloc(64 * 64 * 4, pictures * 11)
  writeFileSync(path, jpeg.encode({ data, width: 64, height: 64 }, 90).data)
  return path
}

async function createKey(name: string, ...options: string[]): Promise<string> {
  const { code, stdout } = await cli("keys", "create", name, ...options)
  expect(code).toBe(0)
  const key = stdout.trim()
  expect(key).toMatch(/^ck_[0-9a-z]{38}$/)
  made.push(key)
  return key
}

test("a stack that takes keys alone says what is missing, until the first one is made", async () => {
  const ready = () => fetch(`${stack.url}/readyz`)
  expect(await (await ready()).json()).toMatchObject({ status: 503, code: "no_keys" })
  const refused = await cli("classify", newPicture())
  expect(refused.code).toBe(1)
  expect(refused.stderr).toContain("--key or CLAIMCHECK_KEY")

  const key = await createKey("alice")
  await expect.poll(async () => (await ready()).status).toBe(200)
  expect((await cli("classify", newPicture(), "--key", key)).code).toBe(0)
  const again = await cli("keys", "create", "alice")
  expect(again).toMatchObject({ code: 1, stdout: "" })
  expect(again.stderr).toContain("the name is taken")
})

test("a key can be revoked by who says so", async () => {
  revoked = await createKey("erin")
  expect((await cli("models", "--key", revoked)).code).toBe(0)
  expect((await cli("keys", "revoke", "erin")).stderr).toContain("add --yes")
  expect((await cli("keys", "revoke", "erin", "--yes")).code).toBe(0)
})

test("a key with a typo, a stranger's ticket and a forged one are each told as what they are", async () => {
  const [bob, carol] = [await createKey("bob"), await createKey("carol")]
  const typo = await cli("models", "--key", bob.slice(0, -1) + (bob.endsWith("0") ? "1" : "0"))
  expect(typo.stderr).toMatch(/typo/)
  const { stdout } = await cli("classify", newPicture(), "--key", bob, "--json")
  const { id } = JSON.parse(stdout) as { id: string }
  expect((await cli("ticket", id, "--key", bob)).code).toBe(0)
  const forged = id.slice(0, -1) + (id.endsWith("0") ? "1" : "0")
  for (const [ticket, key] of [
    [id, carol],
    [forged, bob],
  ] as const) {
    const answer = await cli("ticket", ticket, "--key", key)
    expect(answer.code).toBe(1)
    expect(answer.stderr).toContain("There is no such ticket")
  }
})

test("a key over its rate is waited for: every picture is classified, none sooner than allowed", async () => {
  const key = await createKey("slow", "--rate", "2/2s")
  const startMs = performance.now()
  const files = Array.from({ length: 4 }, newPicture)
  const { code, stdout, stderr } = await cli("classify", ...files, "--key", key, "--json")
  expect(stderr).toMatch(/^slowed .*your limit is 2 pictures in 2 s.*\n$/)
  expect(code).toBe(0)
  const tickets = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { status: string; created_at: string })
  expect(tickets.map(({ status }) => status)).toEqual(new Array(4).fill("succeeded"))
  const created = tickets.map(({ created_at }) => Date.parse(created_at)).sort((a, b) => a - b)
  expect((created[3] ?? 0) - (created[0] ?? 0)).toBeGreaterThanOrEqual(1_900)
  expect(performance.now() - startMs).toBeGreaterThan(1_900)
})

test("a revoked key is refused soon after, and its name is gone", async () => {
  const headers = { authorization: `Bearer ${revoked}` }
  const status = async () => (await fetch(`${stack.url}/v1/models`, { headers })).status
  await expect.poll(status, { timeout: 40_000, interval: 250 }).toBe(401)
  expect((await cli("models", "--key", revoked)).stderr).toContain("not known, or revoked")
  expect((await cli("keys", "create", "erin")).stderr).toContain("names are never reused")
  const { stdout } = await cli("keys", "list", "--json")
  const list = JSON.parse(stdout) as { keys: { name: string }[]; revoked: object[] }
  expect(list.keys.map((entry) => entry.name)).not.toContain("erin")
  expect(list.revoked).toMatchObject([{ name: "erin" }])
})
