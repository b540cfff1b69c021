import { Webhook } from "standardwebhooks"
import { describe, expect, it } from "vitest"
import { readClassifierConfig } from "../../../../src/classifier/config.ts"
import { ReceiverCapacity } from "../../../../src/classifier/webhooks/receiver-capacity.ts"
import { importSigningKey, signWebhook } from "../../../../src/classifier/webhooks/sign-webhook.ts"
import { webhookBody } from "../../../../src/classifier/webhooks/webhook-body.ts"
import { retryDelayMs } from "../../../../src/classifier/webhooks/webhook-schedule.ts"
import { encodeJob, type Job, type OutputInfo } from "../../../../src/lib/queue/job.ts"
import type { DeliveryEvent } from "../../../../src/lib/webhooks/delivery.ts"
import { webhookEventSchema } from "../../../../src/lib/webhooks/webhook-event.ts"
import { isWebhookSecret, newWebhookSecret, readSigningSeed } from "../../../../src/lib/webhooks/webhook-secret.ts"
import { webhookUrlSchema } from "../../../../src/lib/webhooks/webhook-url.ts"
import { jobOf, T0 } from "../../../support/store/store-harness.ts"

const HOUR_MS = 3_600_000
const least = () => 0
const most = () => 1

describe("retryDelayMs()", () => {
  const schedule = (random: () => number) =>
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((tries) => retryDelayMs(tries, null, random))

  it("is the specification's schedule, and ends after ten tries", () => {
    const minutes = [5 / 60, 5, 30, 120, 300, 600, 840, 1_200, 1_440].map((minute) => minute * 60_000)
    expect(schedule(least)).toEqual([...minutes, null])
  })

  it("adds a tenth at most, so that all of it takes 76 hours and a day's tenth at most", () => {
    const total = (delays: (number | null)[]) => delays.reduce<number>((sum, delay) => sum + (delay ?? 0), 0) / HOUR_MS
    expect(total(schedule(least))).toBeCloseTo(75.6, 1)
    expect(total(schedule(most))).toBeCloseTo(75.6 * 1.1, 1)
  })

  it("waits longer when the receiver asks for it, never shorter, and a day at most", () => {
    expect(retryDelayMs(1, 60_000, least)).toBe(60_000)
    expect(retryDelayMs(2, 60_000, least)).toBe(300_000)
    expect(retryDelayMs(1, 1_000 * HOUR_MS, least)).toBe(24 * HOUR_MS)
    expect(retryDelayMs(10, 60_000, least)).toBe(null)
  })
})

describe("webhookUrlSchema", () => {
  it.each([
    ["https://example.com/hook?a=1#part", "https://example.com/hook?a=1"],
    ["HTTPS://EXAMPLE.com:443", "https://example.com/"],
    ["http://10.0.0.1:8080/x", "http://10.0.0.1:8080/x"],
    ["https://bücher.example/ü", "https://xn--bcher-kva.example/%C3%BC"],
  ])("takes %s", (text, href) => {
    expect(webhookUrlSchema.parse(text)).toBe(href)
  })

  it.each([
    "",
    "hook",
    "/hook",
    "ftp://example.com/",
    "javascript:alert(1)",
    "https://",
    "https://user@example.com/",
    "https://:secret@example.com/",
    `https://example.com/${"a".repeat(2_000)}`,
    `https://example.com/${"ü".repeat(500)}`,
  ])("refuses %s", (text) => {
    expect(webhookUrlSchema.safeParse(text).success).toBe(false)
  })
})

describe("secrets", () => {
  it("newWebhookSecret() makes one that is new, and that the specification takes", () => {
    const secret = newWebhookSecret()
    expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
    expect(isWebhookSecret(secret)).toBe(true)
    expect(newWebhookSecret()).not.toBe(secret)
  })

  it.each([
    "",
    "whsec_",
    "whsec_c2hvcnQ=",
    "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "whsec_not base64 at all!",
    `whsec_${"A".repeat(88)}`,
  ])("isWebhookSecret() refuses %j", (text) => {
    expect(isWebhookSecret(text)).toBe(false)
  })

  it("a wrong variable is named, and its value is not told", () => {
    const env = { UPSTASH_REDIS_REST_URL: "http://127.0.0.1", UPSTASH_REDIS_REST_TOKEN: "t" }
    const wrong = { WEBHOOK_SECRETS: "hush-one", WEBHOOK_SIGNING_KEY: "hush-two", ALLOW_ADDRESSES: "hush/three" }
    for (const [name, value] of Object.entries(wrong)) {
      expect(() => readClassifierConfig({ ...env, [name]: value })).toThrow(name)
      expect(() => readClassifierConfig({ ...env, [name]: value })).not.toThrow("hush")
    }
    expect(readClassifierConfig(env)).toMatchObject({ WEBHOOK_SECRETS: [], ALLOW_ADDRESSES: [] })
  })
})

describe("signWebhook()", () => {
  const message = { id: "msg_1", atMs: Date.now(), body: '{"type":"classification.succeeded"}' }

  it("signs with every secret, so that each of them verifies", async () => {
    const secrets = [newWebhookSecret(), newWebhookSecret()]
    const headers = await signWebhook(message, { secrets })
    expect(headers["webhook-signature"]?.split(" ")).toHaveLength(2)
    for (const secret of secrets)
      expect(new Webhook(secret).verify(message.body, headers)).toEqual(JSON.parse(message.body))
    expect(() => new Webhook(newWebhookSecret()).verify(message.body, headers)).toThrow()
  })

  it("is the signature of the specification's example", async () => {
    const headers = await signWebhook(
      { id: "msg_p5jXN8AQM9LWM0D4loKWxJek", atMs: 1_614_265_330_000, body: '{"test": 2432232314}' },
      { secrets: ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] },
    )
    expect(headers).toEqual({
      "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
      "webhook-timestamp": "1614265330",
      "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    })
  })

  it("adds v1a when there is a key for it, which the public key verifies", async () => {
    const pair = (await crypto.subtle.generateKey({ name: "Ed25519" }, true, ["sign", "verify"])) as CryptoKeyPair
    const seed = new Uint8Array(await crypto.subtle.exportKey("pkcs8", pair.privateKey)).slice(-32)
    const publicKey = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey))
    const content = new TextEncoder().encode(`${message.id}.${Math.floor(message.atMs / 1_000)}.${message.body}`)
    for (const bytes of [seed, new Uint8Array([...seed, ...publicKey])]) {
      const signingKey = await importSigningKey(`whsk_${Buffer.from(bytes).toString("base64")}`)
      const headers = await signWebhook(message, { secrets: [newWebhookSecret()], signingKey })
      const [v1, v1a] = headers["webhook-signature"]?.split(" ") ?? []
      expect(v1).toMatch(/^v1,/)
      const signature = Buffer.from(v1a?.replace(/^v1a,/, "") ?? "", "base64")
      expect(await crypto.subtle.verify("Ed25519", pair.publicKey, signature, content)).toBe(true)
    }
    expect(readSigningSeed("whsk_c2hvcnQ=")).toBe(null)
    await expect(importSigningKey("whsk_c2hvcnQ=")).rejects.toThrow(TypeError)
  })
})

describe("webhookBody()", () => {
  function eventOf(labels: string[], output?: OutputInfo): DeliveryEvent {
    const { weight: _weight, ...job } = jobOf("a")
    const ended: Job = {
      ...job,
      bytes: 3,
      attempts: 1,
      start: "0",
      state: "succeeded",
      startedMs: T0 + 1,
      finishedMs: T0 + 2,
      result: {
        modelVersion: "v1",
        predictions: labels.map((label, classIndex) => ({ label, probability: 1 / (classIndex + 2), classIndex })),
        image: { format: "png", width: 4, height: 3, bytes: 3, sha256: "0".repeat(64), orientation: 1 },
        timingsMs: { fetch: 1, decode: 2, infer: 3 },
        ...(output && { output }),
      },
    }
    return { id: "msg_a_1", createdMs: T0 + 2, state: "pending", tries: 0, attempts: [], job: encodeJob(ended) }
  }

  it("is the ticket, with type and the time of the event", () => {
    const body = JSON.parse(webhookBody(eventOf(["cat", "dog"])))
    expect(body).toMatchObject({
      type: "classification.succeeded",
      timestamp: new Date(T0 + 2).toISOString(),
      data: { id: "cls_a", status: "succeeded", done: true, predictions: [{ label: "cat" }, { label: "dog" }] },
    })
    expect(body.data).not.toHaveProperty("predictions_omitted")
    expect(webhookEventSchema("classification.succeeded").parse(body)).toEqual(body)
  })

  it("links to the output at PUBLIC_URL; a bucket's link stays as it is", () => {
    const output = { id: "out_1", contentType: "image/png", width: 1, height: 1, bytes: 9, sha256: "0".repeat(64) }
    const urlOf = (info: OutputInfo, base?: string) => JSON.parse(webhookBody(eventOf([], info), base)).data.output.url
    expect(urlOf(output, "https://api.example/x")).toBe("https://api.example/x/v1/outputs/out_1")
    expect(urlOf(output)).toBe("/v1/outputs/out_1")
    const inBucket = { ...output, url: "https://bucket.example/out_1" }
    expect(urlOf(inBucket, "https://api.example")).toBe(inBucket.url)
  })

  it.each([1, 40, 4_000])(
    "stays under 20 kB with 1,000 labels of %i bytes, keeps the best, and says what it left out",
    (bytes) => {
      const labels = Array.from({ length: 1_000 }, () => "ü".repeat(Math.ceil(bytes / 2)))
      const text = webhookBody(eventOf(labels))
      const { predictions, predictions_omitted: omitted } = JSON.parse(text).data
      expect(Buffer.byteLength(text)).toBeLessThan(20_000)
      expect(Buffer.byteLength(text)).toBeGreaterThan(15_000)
      expect(predictions.length + omitted).toBe(1_000)
      expect(predictions[0].class_index).toBe(0)
    },
  )
})

describe("ReceiverCapacity", () => {
  it("gives each receiver its own, and one that failed as often in a row a single place until it answers well", () => {
    const capacity = new ReceiverCapacity()
    for (let i = 0; i < capacity.perReceiver; i++) capacity.acquire("a")
    expect(capacity.limited()).toEqual({ a: 0 })
    expect(capacity.freeFor("b")).toBe(capacity.perReceiver)
    for (let i = 0; i < capacity.perReceiver; i++) capacity.release("a", { failed: true })
    expect(capacity.limited()).toEqual({ a: 1 })
    capacity.acquire("a")
    expect(capacity.limited()).toEqual({ a: 0 })
    capacity.release("a", { failed: false })
    expect(capacity.limited()).toEqual({})
    expect(capacity.inFlight).toBe(0)
  })

  it("leaves all of its places to a receiver that answers well in between", () => {
    const capacity = new ReceiverCapacity()
    for (let i = 0; i < 5 * capacity.perReceiver; i++) {
      capacity.acquire("a")
      capacity.release("a", { failed: i % capacity.perReceiver !== 0 })
    }
    expect(capacity.freeFor("a")).toBe(capacity.perReceiver)
    expect(capacity.limited()).toEqual({})
  })

  it("remembers no more failing receivers than it must", () => {
    const capacity = new ReceiverCapacity()
    for (let i = 0; i < 1_000 * capacity.perReceiver; i++) {
      const receiver = `r${Math.floor(i / capacity.perReceiver)}`
      capacity.acquire(receiver)
      capacity.release(receiver, { failed: true })
    }
    expect(Object.keys(capacity.limited())).toHaveLength(200)
    expect(capacity.freeFor("r999")).toBe(1)
  })
})
