import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { type AddressInfo, connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Webhook } from "standardwebhooks"
import { describe, expect, onTestFinished, test, vi } from "vitest"
import { keepSecrets } from "../../../../src/cli/stack/parts/secrets.ts"
import { plain } from "../../../../src/cli/terminal/terminal.ts"
import { parsePort } from "../../../../src/cli/webhook/listen-command.ts"
import { findSecrets, parseSecrets } from "../../../../src/cli/webhook/local-secrets.ts"
import { type Received, startReceiver } from "../../../../src/cli/webhook/receiver.ts"
import { renderDeliveries } from "../../../../src/cli/webhook/render-deliveries.ts"
import { receivedJson, renderReceived } from "../../../../src/cli/webhook/render-received.ts"
import {
  changeSettings,
  noteOnKey,
  parseWebhookUrl,
  renderSettings,
} from "../../../../src/cli/webhook/settings-command.ts"
import {
  allUndelivered,
  countWebhooks,
  dropEvents,
  renderUndelivered,
  resendEvents,
  undeliveredJson,
} from "../../../../src/cli/webhook/undelivered.ts"
import { verifyEvent } from "../../../../src/cli/webhook/verify-event.ts"
import { encodeJob, type Job } from "../../../../src/lib/queue/job.ts"
import type { Deliveries, DeliveryEvent } from "../../../../src/lib/webhooks/delivery.ts"
import type { Undelivered } from "../../../../src/lib/webhooks/outbox.ts"
import { newWebhookSecret } from "../../../../src/lib/webhooks/webhook-secret.ts"
import type { WebhookSettings } from "../../../../src/lib/webhooks/webhook-settings.ts"

const JOB_ID = "7z3k0v5c8mq2x9r4t6w1y8a0bd"
const NOW_MS = Date.parse("2026-01-02T00:00:00.000Z")
const EVENT_ID = `msg_${JOB_ID}_${NOW_MS}`
const [secret, older] = [newWebhookSecret(), newWebhookSecret()]
const event = {
  type: "classification.succeeded",
  timestamp: "2026-01-02T00:00:00.000Z",
  data: { id: "cls_1", predictions: [{ label: "tabby", probability: 0.631 }] },
}
const body = JSON.stringify(event)

function headersFor(text: string, { by = secret, atMs = Date.now() } = {}) {
  return {
    "webhook-id": EVENT_ID,
    "webhook-timestamp": String(Math.floor(atMs / 1_000)),
    "webhook-signature": new Webhook(by).sign(EVENT_ID, new Date(atMs), text),
  }
}

describe("verifyEvent()", () => {
  const verify = (text: string, headers: Record<string, string>, secrets = [secret]) =>
    verifyEvent(Buffer.from(text), headers, secrets)

  test("takes what any of the secrets has signed", () => {
    expect(verify(body, headersFor(body), [older, secret])).toEqual({ verified: true, id: EVENT_ID, event })
    const several = headersFor(body)
    several["webhook-signature"] += ` v1a,AAAA ${headersFor(body, { by: older })["webhook-signature"]}`
    expect(verify(body, several, [older])).toMatchObject({ verified: true })
  })

  test.each([
    ["a body that was changed", `${body} `, headersFor(body), "no signature fits the secret"],
    ["another's secret", body, headersFor(body, { by: older }), "no signature fits the secret"],
    ["one sent again later", body, headersFor(body, { atMs: Date.now() - 400_000 }), "more than 5 minutes ago"],
    ["a clock ahead", body, headersFor(body, { atMs: Date.now() + 400_000 }), "compare the clocks"],
    ["no headers", body, {}, "it has no webhook-id"],
    ["a timestamp that is none", body, { ...headersFor(body), "webhook-timestamp": "now" }, "is no number"],
    ["a signature without a value", body, { ...headersFor(body), "webhook-signature": "v1" }, "no signature fits"],
  ])("refuses %s with 401", (_what, text, headers, reason) => {
    expect(verify(text, headers)).toEqual({ verified: false, status: 401, reason: expect.stringContaining(reason) })
  })

  test.each(["", "[]", "not JSON", '{"type":"x"}'])("refuses %j with 400, signed though it is", (text) => {
    expect(verify(text, headersFor(text))).toMatchObject({ verified: false, status: 400 })
  })
})

describe("startReceiver()", () => {
  async function receiver(failures = 0) {
    const received: Received[] = []
    const server = await startReceiver({
      port: 0,
      secrets: [secret],
      failures,
      onReceived: (one) => received.push(one),
      now: () => NOW_MS,
    })
    onTestFinished(() => void server.close())
    const { port, address } = server.address() as AddressInfo
    expect(address).toBe("127.0.0.1")
    const send = async (init: RequestInit) => {
      const response = await fetch(`http://127.0.0.1:${port}`, { method: "POST", ...init })
      return response.status
    }
    return { received, send, port }
  }

  test("answers 204, after as many 500 as it was asked for; refusals do not count", async () => {
    const { received, send } = await receiver(1)
    const good = { body, headers: headersFor(body) }
    const statuses = [await send({ body }), await send(good), await send(good), await send({ method: "PUT", body })]
    expect(statuses).toEqual([401, 500, 204, 405])
    expect(received.map(({ answered }) => answered)).toEqual(statuses)
  })

  test("refuses more than 64 kB, announced or not", async () => {
    const { send } = await receiver()
    const large = "x".repeat(64_001)
    expect(await send({ body: large })).toBe(413)
    const stream = new ReadableStream({
      start(controller) {
        controller.enqueue(new TextEncoder().encode(large))
        controller.close()
      },
    })
    expect(await send({ body: stream, duplex: "half" } as RequestInit)).toBe(413)
    const full = JSON.stringify({ ...event, padding: "x".repeat(63_000) })
    expect(await send({ body: full, headers: headersFor(full) })).toBe(204)
  })

  test("goes on after a sender that hung up", async () => {
    const { received, send, port } = await receiver()
    const socket = connect(port, "127.0.0.1")
    socket.write("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\nhalf")
    await once(socket, "connect")
    socket.resetAndDestroy()
    expect(await send({ body, headers: headersFor(body) })).toBe(204)
    expect(received).toHaveLength(1)
  })

  test("says which port is taken", async () => {
    const { port } = await receiver()
    const second = startReceiver({ port, secrets: [secret], failures: 0, onReceived: () => undefined })
    await expect(second).rejects.toThrow(`Cannot listen on 127.0.0.1:${port}: another program has that port`)
  })
})

describe("renderReceived()", () => {
  const line = (received: Omit<Received, "atMs">) => renderReceived({ atMs: NOW_MS, ...received }, plain).slice(12)
  const verified = (data: Record<string, unknown>, type = event.type): Received["verdict"] => {
    return { verified: true, id: EVENT_ID, event: { ...event, type, data: { id: "cls_1", ...data } } }
  }

  test("tells the top prediction, an error, or why it was refused", () => {
    expect(line({ verdict: verified(event.data), answered: 204 })).toBe(
      "  classification.succeeded  cls_1  tabby 63.1%  verified ✓",
    )
    const error = { code: "timeout", message: "It took too long" }
    expect(line({ verdict: verified({ error }, "classification.failed"), answered: 500 })).toBe(
      "  classification.failed  cls_1  It took too long (timeout)  verified ✓  answered 500",
    )
    expect(line({ verdict: verified({}, "classification.canceled"), answered: 204 })).toBe(
      "  classification.canceled  cls_1  verified ✓",
    )
    const refused = { verified: false, status: 401, reason: "no signature fits the secret" } as const
    expect(line({ verdict: refused, answered: 401 })).toBe("  refused with 401  no signature fits the secret")
  })

  test("lets nothing that came steer the terminal", () => {
    const text = line({ verdict: verified({ predictions: [{ label: "\x1b[2J\n", probability: 1 }] }), answered: 204 })
    expect(text).toContain("�[2J� 100.0%")
  })

  test("receivedJson() gives the whole event, or the reason", () => {
    const received = { atMs: NOW_MS, verdict: verified(event.data), answered: 204 }
    expect(JSON.parse(receivedJson(received))).toEqual({
      time: "2026-01-02T00:00:00.000Z",
      verified: true,
      answered: 204,
      id: EVENT_ID,
      event,
    })
    const refused = { verified: false, status: 401, reason: "no" } as const
    expect(JSON.parse(receivedJson({ atMs: NOW_MS, verdict: refused, answered: 401 }))).toMatchObject({ reason: "no" })
  })
})

const job: Job = {
  id: JOB_ID,
  state: "canceled",
  model: "m",
  queue: "m",
  caller: "key:alice",
  payloadId: "p",
  bytes: 1,
  createdMs: NOW_MS,
  finishedMs: NOW_MS,
  deadlineMs: NOW_MS,
  attempts: 0,
  maxAttempts: 3,
  start: "0",
  input: {
    ticketId: `cls_${JOB_ID}signature`,
    operation: { name: "classify", topK: 5 },
    source: { kind: "payload" },
    image: { format: "jpeg", width: 4, height: 2, bytes: 1, sha256: "ab12", orientation: 1 },
    fingerprint: "f",
  },
}

function undelivered(eventId: string, last: DeliveryEvent["attempts"], state: DeliveryEvent["state"] = "given_up") {
  const attempts = [{ atMs: NOW_MS, durationMs: 3, status: 500 }, ...last]
  const failed: DeliveryEvent = {
    id: eventId,
    createdMs: NOW_MS,
    state,
    ...(state === "pending" && { dueMs: NOW_MS + 300_000 }),
    tries: 2,
    attempts,
    job: encodeJob(job),
  }
  const delivery = { jobId: JOB_ID, caller: "key:alice", url: "https://h.example/hook?token=hunter2", events: [failed] }
  return { eventId, sinceMs: NOW_MS - 60_000, delivery, event: failed } satisfies Undelivered
}

describe("undelivered webhooks", () => {
  test("are listed in a line each, without what a URL may hide", () => {
    const attempt = { atMs: NOW_MS, durationMs: 20_000 }
    const rows = [
      undelivered("msg_a_1", [{ ...attempt, error: { code: "timeout", message: "late" } }]),
      undelivered("msg_b_1", [{ ...attempt, status: 410 }], "gone"),
      undelivered("msg_c_1", [], "pending"),
    ]
    const ticket = `cls_${JOB_ID}signature`
    expect(renderUndelivered(rows, { paint: plain, nowMs: NOW_MS }).split("\n")).toEqual([
      "event    receiver               since  last answer         next try  ticket",
      `msg_a_1  https://h.example  1 min ago  timeout             given up  ${ticket}`,
      `msg_b_1  https://h.example  1 min ago  410, wants no more  none      ${ticket}`,
      `msg_c_1  https://h.example  1 min ago  500                 in 5 min  ${ticket}`,
    ])
    const json = undeliveredJson(undelivered("msg_a_1", []))
    expect(json).not.toContain("hunter2")
    expect(JSON.parse(json)).toMatchObject({ id: "msg_a_1", ticket_id: ticket, receiver: "https://h.example" })
  })

  test("allUndelivered() has what is tried again, too, and goes on behind a page that is short of expired ones", async () => {
    const names = Array.from({ length: 230 }, (_value, i) => `msg_${i}_1`)
    const outbox = {
      listRetried: async () => [undelivered("msg_r_1", [])],
      countUndelivered: async () => names.length,
      listUndelivered: async ({ offset = 0, count = 100 } = {}) =>
        names
          .slice(offset, offset + count)
          .filter((name) => name !== "msg_7_1")
          .map((name) => undelivered(name, [])),
    }
    const all = await allUndelivered(outbox)
    expect(all).toEqual({ retried: ["msg_r_1"], over: names.filter((name) => name !== "msg_7_1") })
    expect(countWebhooks(all)).toBe("230 webhooks (1 between tries, 229 given up)")
  })

  test("resendEvents() begins with the oldest, and asks for no record of what is no event", async () => {
    const asked: string[] = []
    const outbox = {
      async resend(jobId: string, { nowMs, eventId = "" }: { nowMs: number; eventId?: string }) {
        asked.push(`${jobId} ${eventId} ${nowMs}`)
        return jobId === "a" ? undelivered(eventId, []).delivery : null
      },
    }
    expect(await resendEvents(outbox, ["msg_a_2", "msg_b_1", "nonsense"], 9)).toEqual({
      resent: ["msg_a_2"],
      missing: ["nonsense", "msg_b_1"],
    })
    expect(asked).toEqual(["b msg_b_1 9", "a msg_a_2 9"])
  })

  test("dropEvents() tells what was not there", async () => {
    const outbox = { dropUndelivered: async (id: string) => id === "a" }
    expect(await dropEvents(outbox, ["a", "b"])).toEqual({ dropped: ["a"], missing: ["b"] })
  })
})

describe("renderDeliveries()", () => {
  const attempt = (secondsAgo: number, more: object) => {
    return { at: new Date(NOW_MS - secondsAgo * 1_000).toISOString(), duration_ms: 3, status: null, ...more }
  }
  const deliveries: Deliveries["deliveries"] = [
    {
      id: EVENT_ID,
      type: "classification.succeeded",
      state: "pending",
      created_at: new Date(NOW_MS).toISOString(),
      next_attempt_at: new Date(NOW_MS + 5_000).toISOString(),
      attempts: [
        attempt(90, { error: { code: "timeout", message: "No answer within 20 s" } }),
        attempt(0, { status: 500, error: { code: "bad_status", message: "The receiver answered 500" } }),
      ],
    },
  ]
  const url = "https://h.example/hook?token=hunter2"
  const render = (shown: Deliveries["deliveries"], nowMs = NOW_MS) =>
    renderDeliveries("cls_1", { url, deliveries: shown }, { paint: plain, nowMs })

  test("shows every attempt, and when the next one comes", () => {
    expect(render(deliveries).split("\n")).toEqual([
      "cls_1  to https://h.example",
      "",
      `  classification.succeeded  on its way  ${EVENT_ID}`,
      "  attempt                                   status  took",
      "  2026-01-01T23:58:30.000Z  1 min 30 s ago       –  3 ms  No answer within 20 s (timeout)",
      "  2026-01-02T00:00:00.000Z        0 ms ago     500  3 ms  The receiver answered 500 (bad_status)",
      "  next try in 5.0 s",
    ])
    expect(render(deliveries, NOW_MS + 9_000)).toContain("next try now")
  })

  test("says of a ticket that is not done that nothing was sent", () => {
    expect(render([])).toBe("cls_1  to https://h.example\n  It is sent when the ticket is done.")
  })
})

describe("noteOnKey()", () => {
  const known = { keys: [{ name: "alice" }], revoked: [{ name: "zoe" }], before: { secrets: [] } }

  test("lets a key pass that there is, and one that has settings", () => {
    expect(noteOnKey("alice", { ...known, isChange: false })).toBeNull()
    expect(noteOnKey("bob", { ...known, before: { secrets: ["whsec_x"] }, isChange: false })).toBeNull()
  })

  test("tells of a name that no key has, and changes it only for a key that API_KEYS may have", () => {
    expect(() => noteOnKey("alcie", { ...known, isChange: false })).toThrow("There is no key alcie")
    expect(noteOnKey("alcie", { ...known, isChange: true })).toContain("a key of that name in the server's API_KEYS")
    expect(() => noteOnKey("zoe", { ...known, isChange: true })).toThrow("zoe was revoked")
  })
})

describe("changeSettings()", () => {
  function store(settings: WebhookSettings = { secrets: [] }) {
    const asked: string[] = []
    const ask = (what: string) => async () => {
      asked.push(what)
      return settings
    }
    return {
      asked,
      read: ask("read"),
      setUrl: async (caller: string, url: string | null) => ask(`url ${caller} ${url}`)(),
      rotateSecret: async (caller: string) => ({ secret: `${(await ask(`rotate ${caller}`)()).secrets[0]}` }),
      dropOldSecrets: ask("drop old"),
    }
  }

  test("only reads when nothing is asked for", async () => {
    const shop = store()
    expect(await changeSettings(shop, "key:alice", {})).toEqual({ settings: { secrets: [] } })
    expect(shop.asked).toEqual(["read"])
  })

  test("changes what is asked for, and drops old secrets last", async () => {
    const shop = store({ secrets: ["new"] })
    const all = { url: false, rotate: true, dropOld: true } as const
    expect(await changeSettings(shop, "key:alice", all)).toMatchObject({ secret: "new" })
    expect(shop.asked).toEqual(["url key:alice null", "rotate key:alice", "drop old", "read"])
  })

  test("renderSettings() counts secrets and shows none", () => {
    const text = renderSettings("alice", { url: "https://x.example/", secrets: [secret, older] })
    expect(text).toBe(
      "key      alice\nurl      https://x.example/\nsecrets  2 secrets (the newest, and those that it replaces)",
    )
    expect(renderSettings("alice", { secrets: [secret], deploymentSigns: true })).toMatch(
      /secrets {2}1 secret, and the deployment's until --drop-old$/,
    )
  })
})

describe("options", () => {
  test("findSecrets() takes what is given, else what the stack in this folder made, else says where to get one", () => {
    const home = mkdtempSync(join(tmpdir(), "claimcheck-secrets-"))
    onTestFinished(() => rmSync(home, { recursive: true }))
    vi.stubEnv("CLAIMCHECK_HOME", home)
    onTestFinished(() => void vi.unstubAllEnvs())
    expect(() => findSecrets(undefined)).toThrow("There is no webhook secret: start the stack once")
    const { webhookSecrets } = keepSecrets(join(home, "secrets.json"))
    expect(findSecrets(undefined)).toEqual(webhookSecrets)
    expect(findSecrets(`${secret} ${older}`)).toEqual([secret, older])
  })

  test("parseSecrets() takes several, and quotes none that is wrong", () => {
    expect(parseSecrets(`${secret}, ${older}`)).toEqual([secret, older])
    for (const wrong of ["", "hunter2", `${secret} whsec_hunter2`]) {
      expect(() => parseSecrets(wrong)).toThrow("expected whsec_")
      expect(() => parseSecrets(wrong)).not.toThrow("hunter2")
    }
  })

  test.each(["0", "65536", "9000.5", "http", ""])("parsePort() refuses %j", (value) => {
    expect(() => parsePort(value)).toThrow("from 1 to 65535")
  })

  test("parseWebhookUrl() refuses what the edge would", () => {
    expect(parseWebhookUrl("https://h.example")).toBe("https://h.example/")
    expect(() => parseWebhookUrl("ftp://h.example")).toThrow("must be an https or http URL")
  })
})
