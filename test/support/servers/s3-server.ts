import { createHash, createHmac } from "node:crypto"
import { once } from "node:events"
import { createServer, type IncomingMessage } from "node:http"
import type { AddressInfo } from "node:net"

export type S3Request = {
  method: string
  /** Path and query, as they stood in the request line. */
  target: string
  headers: Readonly<Record<string, string>>
}
export type S3Credentials = { accessKeyId: string; secretAccessKey: string; region: string }

const sha256 = (data: string | Uint8Array) => createHash("sha256").update(data).digest("hex")
const hmac = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text).digest()
/** AWS's UriEncode(): everything but RFC 3986's unreserved characters. */
const uriEncode = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)

/**
 * The signature that a request to S3 must have, after AWS's specification and independent of what we sign with
 * (https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html). The test of it runs AWS's own examples.
 */
export function expectedSignature(
  { method, target, headers }: S3Request,
  { secretAccessKey, region }: S3Credentials,
  { signedHeaders, amzDate, payloadHash }: { signedHeaders: string; amzDate: string; payloadHash: string },
): string {
  const url = new URL(target, "http://any")
  const path = url.pathname.split("/").map((part) => uriEncode(decodeURIComponent(part)))
  const query = [...url.searchParams].filter(([name]) => name !== "X-Amz-Signature")
  const encoded = query.map(([name, value]) => `${uriEncode(name)}=${uriEncode(value)}`).sort()
  const lines = signedHeaders.split(";").map((name) => `${name}:${(headers[name] ?? "").trim().replace(/ +/g, " ")}\n`)
  const request = [method, path.join("/"), encoded.join("&"), lines.join(""), signedHeaders, payloadHash].join("\n")
  const day = amzDate.slice(0, 8)
  const scope = `${day}/${region}/s3/aws4_request`
  const toSign = `AWS4-HMAC-SHA256\n${amzDate}\n${scope}\n${sha256(request)}`
  const key = hmac(hmac(hmac(hmac(`AWS4${secretAccessKey}`, day), region), "s3"), "aws4_request")
  return hmac(key, toSign).toString("hex")
}

export type S3Object = { bytes: Buffer; contentType: string }
/** What the next request meets instead of an honest answer. */
export type S3Fault = "500" | "503" | "reset" | "silence"

export type S3Server = {
  url: string
  credentials: S3Credentials
  /** By path, without the bucket. */
  objects: Map<string, S3Object>
  /** Taken from the front, one for each request. */
  faults: S3Fault[]
  requests: () => number
  close(): Promise<void>
}

/** A bucket that takes PUT and GET, and refuses what AWS refuses: a wrong signature, date, hash, or no length. */
export async function startS3(bucket = "pictures"): Promise<S3Server> {
  const credentials = { accessKeyId: "AKIATEST", secretAccessKey: "test/secret+key", region: "eu-test-1" }
  const objects = new Map<string, S3Object>()
  const faults: S3Fault[] = []
  let requests = 0
  const server = createServer((request, response) => {
    const answer = (
      status: number,
      code: string,
      body: Uint8Array = Buffer.from(`<Error><Code>${code}</Code></Error>`),
    ) =>
      response
        .writeHead(status, { "content-type": objects.get(keyOf(request))?.contentType ?? "application/xml" })
        .end(body)
    void readAll(request).then((body) => {
      requests++
      const fault = faults.shift()
      if (fault === "silence") return
      if (fault === "reset") return request.socket.destroy()
      if (fault !== undefined) return answer(Number(fault), "SlowDown")
      const refusal = refusalOf(request, body, credentials)
      if (refusal !== null) return answer(403, refusal)
      if (!request.url?.startsWith(`/${bucket}/`)) return answer(404, "NoSuchBucket")
      if (request.method === "PUT") {
        objects.set(keyOf(request), { bytes: body, contentType: request.headers["content-type"] ?? "" })
        return answer(200, "", Buffer.alloc(0))
      }
      const object = objects.get(keyOf(request))
      return object === undefined ? answer(404, "NoSuchKey") : answer(200, "", object.bytes)
    })
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/${bucket}`,
    credentials,
    objects,
    faults,
    requests: () => requests,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, "close")
    },
  }
}

const keyOf = ({ url = "" }: IncomingMessage) =>
  decodeURIComponent(url.split("?")[0] ?? "")
    .split("/")
    .slice(2)
    .join("/")

function refusalOf(request: IncomingMessage, body: Buffer, credentials: S3Credentials): string | null {
  const { method = "", url: target = "" } = request
  const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]))
  const query = new URL(target, "http://any").searchParams
  const header = /^AWS4-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=(\w+)$/.exec(
    headers.authorization ?? "",
  )
  const [, credential, signedHeaders, signature] = header ?? [
    "",
    query.get("X-Amz-Credential"),
    query.get("X-Amz-SignedHeaders"),
    query.get("X-Amz-Signature"),
  ]
  if (!credential || !signedHeaders || !signature) return "AccessDenied"
  const amzDate = headers["x-amz-date"] ?? query.get("X-Amz-Date") ?? ""
  const scope = `${credentials.accessKeyId}/${amzDate.slice(0, 8)}/${credentials.region}/s3/aws4_request`
  if (credential !== scope) return "InvalidAccessKeyId"
  const at = amzDate.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z")
  const ageS = (Date.now() - Date.parse(at)) / 1_000
  const mayBeS = header === null ? Number(query.get("X-Amz-Expires")) : 900
  if (!(ageS > -900 && ageS < mayBeS)) return "RequestTimeTooSkewed"
  if (!signedHeaders.split(";").includes("host")) return "SignatureDoesNotMatch"
  const payloadHash = header === null ? "UNSIGNED-PAYLOAD" : (headers["x-amz-content-sha256"] ?? "")
  if (header !== null && payloadHash !== sha256(body)) return "XAmzContentSHA256Mismatch"
  if (method === "PUT" && headers["content-length"] === undefined) return "MissingContentLength"
  const expected = expectedSignature({ method, target, headers }, credentials, { signedHeaders, amzDate, payloadHash })
  return expected === signature ? null : "SignatureDoesNotMatch"
}

async function readAll(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
