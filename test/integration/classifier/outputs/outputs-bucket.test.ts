import { createHash } from "node:crypto"
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { type BucketOptions, bucketOutputs } from "../../../../src/classifier/outputs/bucket-outputs.ts"
import { expectedSignature, type S3Server, startS3 } from "../../../support/servers/s3-server.ts"

const EXAMPLE = {
  accessKeyId: "AKIAIOSFODNN7EXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
  region: "us-east-1",
}
const EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
const NEVER = new AbortController().signal

let s3: S3Server
beforeEach(async () => {
  s3 = await startS3()
})
afterEach(() => s3.close())

const store = (options: Partial<BucketOptions> = {}) =>
  bucketOutputs({ url: s3.url, ...s3.credentials, linkTtlMs: 60_000, tryTimeoutMs: 300, ...options })

const output = (name: string, text = "a picture") => {
  const bytes = new TextEncoder().encode(text)
  const sha256 = createHash("sha256").update(bytes).digest("hex")
  return { jobId: "job", caller: "ip:1", bytes, contentType: "image/webp", sha256, name }
}

describe("the bucket that these tests use", () => {
  // https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html and sigv4-query-string-auth.html
  test.each([
    {
      what: "GET with a range",
      request: {
        method: "GET",
        target: "/test.txt",
        headers: {
          host: "examplebucket.s3.amazonaws.com",
          range: "bytes=0-9",
          "x-amz-content-sha256": EMPTY,
          "x-amz-date": "20130524T000000Z",
        },
      },
      signed: { signedHeaders: "host;range;x-amz-content-sha256;x-amz-date", payloadHash: EMPTY },
      signature: "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    },
    {
      what: "PUT of a key with an odd character",
      request: {
        method: "PUT",
        target: "/test%24file.text",
        headers: {
          host: "examplebucket.s3.amazonaws.com",
          date: "Fri, 24 May 2013 00:00:00 GMT",
          "x-amz-date": "20130524T000000Z",
          "x-amz-storage-class": "REDUCED_REDUNDANCY",
          "x-amz-content-sha256": "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
        },
      },
      signed: {
        signedHeaders: "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
        payloadHash: "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
      },
      signature: "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
    },
    {
      what: "GET by a signed link",
      request: {
        method: "GET",
        target:
          "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host",
        headers: { host: "examplebucket.s3.amazonaws.com" },
      },
      signed: { signedHeaders: "host", payloadHash: "UNSIGNED-PAYLOAD" },
      signature: "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
    },
  ])("computes the signature of AWS's own example: $what", ({ request, signed, signature }) => {
    expect(expectedSignature(request, EXAMPLE, { ...signed, amzDate: "20130524T000000Z" })).toBe(signature)
  })
})

describe("bucketOutputs()", () => {
  test.each(["job", "batch/row-1", "batch/ä b+c&d?e=f#g%2F", "../../etc/passwd", ".hidden"])(
    "stores under the name %j, and gives a link that reads it and nothing else",
    async (name) => {
      const { url = "" } = await store().put(output(name), NEVER)
      const [key = ""] = s3.objects.keys()
      expect(key).toMatch(/^([A-Za-z0-9_-][A-Za-z0-9._-]*\/)*[A-Za-z0-9_-][A-Za-z0-9._-]*\.webp$/)
      const response = await fetch(url)
      expect([response.status, response.headers.get("content-type"), await response.text()]).toEqual([
        200,
        "image/webp",
        "a picture",
      ])
      expect((await fetch(url.replace(".webp", ".jpg"))).status).toBe(403)
    },
  )

  test("puts the same name over what an earlier attempt has left", async () => {
    await store().put(output("job", "first"), NEVER)
    await store().put(output("job", "second"), NEVER)
    expect([...s3.objects].map(([key, { bytes }]) => [key, bytes.toString()])).toEqual([["job.webp", "second"]])
  })

  test("keeps the prefix of the bucket's address, and tells the public address where there is one", async () => {
    const { url } = await store({ url: `${s3.url}/thumbs/`, publicUrl: "https://cdn.example.com/t" }).put(
      output("job"),
      NEVER,
    )
    expect([...s3.objects.keys()]).toEqual(["thumbs/job.webp"])
    expect(url).toBe("https://cdn.example.com/t/job.webp")
  })

  test.each([["500"], ["503"], ["reset"], ["silence"]] as const)("is tried again after %s", async (fault) => {
    s3.faults.push(fault)
    await store().put(output("job"), NEVER)
    expect([s3.requests(), s3.objects.size]).toEqual([2, 1])
  })

  test("fails with a code of its own after its last try, and says why without a secret", async () => {
    s3.faults.push("500", "reset")
    const failure = await store({ tries: 2 })
      .put(output("job"), NEVER)
      .catch((error: unknown) => error)
    expect(failure).toMatchObject({
      code: "output_not_stored",
      message: "Cannot store the output in its bucket: the connection failed",
    })
    expect(s3.requests()).toBe(2)
  })

  test.each([
    { wrong: { secretAccessKey: "another" }, says: "HTTP 403 SignatureDoesNotMatch" },
    { wrong: { accessKeyId: "nobody" }, says: "HTTP 403 InvalidAccessKeyId" },
    { wrong: { region: "elsewhere" }, says: "HTTP 403 InvalidAccessKeyId" },
  ])("a refusal is not tried again: $says for $wrong", async ({ wrong, says }) => {
    const put = store(wrong).put(output("job"), NEVER)
    await expect(put).rejects.toMatchObject({ code: "output_not_stored", message: expect.stringContaining(says) })
    expect(s3.requests()).toBe(1)
  })

  test("a bucket that is not there is not tried again", async () => {
    const url = s3.url.replace("pictures", "others")
    await expect(store({ url }).put(output("job"), NEVER)).rejects.toMatchObject({
      message: expect.stringContaining("404 NoSuchBucket"),
    })
    expect(s3.requests()).toBe(1)
  })

  test("bytes that changed on the way are refused by their hash", async () => {
    const put = store().put({ ...output("job"), sha256: EMPTY }, NEVER)
    await expect(put).rejects.toMatchObject({ message: expect.stringContaining("XAmzContentSHA256Mismatch") })
  })

  test("stops at once with the signal's reason when the job is stopped", async () => {
    s3.faults.push("silence", "silence")
    const stop = new AbortController()
    const put = store({ tryTimeoutMs: 60_000 }).put(output("job"), stop.signal)
    await expect.poll(() => s3.requests()).toBe(1)
    stop.abort(new Error("lease lost"))
    await expect(put).rejects.toThrow("lease lost")
    expect(s3.requests()).toBe(1)
  })
})
