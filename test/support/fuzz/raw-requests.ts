export type RawRequest = { head: string; body?: Iterable<Uint8Array>; pauseMs?: number }

const POST = "POST /v1/classifications HTTP/1.1\r\nHost: localhost\r\n"
const GET = "GET /v1/queue HTTP/1.1\r\nHost: localhost\r\n"
const text = (value: string) => new TextEncoder().encode(value)

/** What no client library would send, by what is wrong with it. */
export const BAD_HEADS: readonly (readonly [what: string, request: RawRequest])[] = [
  ["no HTTP at all", { head: "\u0016\u0003\u0001\u0002\u0000\r\n\r\n" }],
  ["another protocol", { head: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" }],
  ["no Host", { head: "GET /v1/queue HTTP/1.1\r\n\r\n" }],
  ["an empty Host", { head: "GET /v1/queue HTTP/1.1\r\nHost:\r\n\r\n" }],
  ["a Host that is none", { head: "GET /v1/queue HTTP/1.1\r\nHost: a b/c?d#e@f\r\n\r\n" }],
  ["a Host with a port that is none", { head: "GET /v1/queue HTTP/1.1\r\nHost: x:99999999\r\n\r\n" }],
  ["two Hosts", { head: "GET /v1/queue HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" }],
  ["HTTP/1.0", { head: "GET /v1/queue HTTP/1.0\r\n\r\n" }],
  ["HTTP/9.9", { head: "GET /v1/queue HTTP/9.9\r\nHost: localhost\r\n\r\n" }],
  ["an absolute target", { head: "GET http://evil.example/v1/queue HTTP/1.1\r\nHost: localhost\r\n\r\n" }],
  ["an absolute target of another scheme", { head: "GET ftp://x/v1/queue HTTP/1.1\r\nHost: localhost\r\n\r\n" }],
  ["a target without a slash", { head: "GET v1/queue HTTP/1.1\r\nHost: localhost\r\n\r\n" }],
  ["the target *", { head: "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n" }],
  ["two slashes", { head: "GET //evil.example/v1 HTTP/1.1\r\nHost: localhost\r\n\r\n" }],
  ["a target with spaces", { head: "GET /v1/queue a b HTTP/1.1\r\nHost: localhost\r\n\r\n" }],
  ["a target with raw bytes", { head: "GET /v1/\u00ff\u00fe\u0080 HTTP/1.1\r\nHost: localhost\r\n\r\n" }],
  [
    "a target with odd percents",
    { head: "GET /v1/classifications/%ff%zz%%00%c0%ae HTTP/1.1\r\nHost: localhost\r\n\r\n" },
  ],
  ["a target with backslashes", { head: "GET /v1\\..\\queue HTTP/1.1\r\nHost: localhost\r\n\r\n" }],
  ["a target of 15,000 bytes", { head: `GET /${"a".repeat(15_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n` }],
  ["a target of 100,000 bytes", { head: `GET /${"a".repeat(100_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n` }],
  ["CONNECT", { head: "CONNECT x:80 HTTP/1.1\r\nHost: localhost\r\n\r\n" }],
  ["TRACE", { head: "TRACE /v1/queue HTTP/1.1\r\nHost: localhost\r\n\r\n" }],
  ["a method of our own", { head: "BREW /v1/queue HTTP/1.1\r\nHost: localhost\r\n\r\n" }],
  ["a method in small letters", { head: "get /v1/queue HTTP/1.1\r\nHost: localhost\r\n\r\n" }],
  ["an upgrade", { head: `${GET}Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\n` }],
  [
    "an upgrade to h2c",
    { head: `${GET}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n` },
  ],
  ["a header of 100,000 bytes", { head: `${GET}X-Bomb: ${"b".repeat(100_000)}\r\n\r\n` }],
  ["5,000 headers", { head: `${GET}${"X-B: b\r\n".repeat(5_000)}\r\n` }],
  ["1,500 small headers", { head: `${GET}${"a:\r\n".repeat(1_500)}\r\n` }],
  ["a header without a name", { head: `${GET}: b\r\n\r\n` }],
  ["a header with a space in its name", { head: `${GET}X A: b\r\n\r\n` }],
  ["a folded header", { head: `${GET}X-A: b\r\n c\r\n\r\n` }],
  ["a header with a NUL", { head: `${GET}X-A: b\u0000c\r\n\r\n` }],
  ["headers that end in LF", { head: "GET /v1/queue HTTP/1.1\nHost: x\n\n" }],
  ["two Authorizations", { head: `${GET}Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n` }],
  ["two Idempotency-Keys", { head: `${POST}Idempotency-Key: a\r\nIdempotency-Key: b\r\nContent-Length: 1\r\n\r\nx` }],
  [
    "two Content-Types",
    { head: `${POST}Content-Type: image/png\r\nContent-Type: text/csv\r\nContent-Length: 1\r\n\r\nx` },
  ],
  ["two Content-Lengths", { head: `${POST}Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx` }],
  ["a Content-Length and chunks", { head: `${POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n` }],
  ["a Content-Length below nothing", { head: `${POST}Content-Length: -1\r\n\r\n` }],
  ["a Content-Length that is no number", { head: `${POST}Content-Length: 0x10\r\n\r\n` }],
  ["a Content-Length past all numbers", { head: `${POST}Content-Length: ${"9".repeat(40)}\r\n\r\n` }],
  ["a Content-Length of 1 TB", { head: `${POST}Content-Length: 1000000000000\r\n\r\nabc` }],
  ["a transfer coding of our own", { head: `${POST}Transfer-Encoding: rot13\r\n\r\nx` }],
  ["chunks of a size that is none", { head: `${POST}Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n` }],
  ["a chunk past all numbers", { head: `${POST}Transfer-Encoding: chunked\r\n\r\n${"f".repeat(20)}\r\nabc` }],
  ["trailers", { head: `${POST}Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-A: b\r\n\r\n` }],
  ["a body where none belongs", { head: `${GET}Content-Length: 3\r\n\r\nabc` }],
  ["Expect: 100-continue", { head: `${POST}Expect: 100-continue\r\nContent-Length: 3\r\n\r\n`, body: [text("abc")] }],
  ["another expectation", { head: `${POST}Expect: the-unexpected\r\nContent-Length: 3\r\n\r\nabc` }],
  ["a body that comes byte by byte", { head: `${POST}Content-Length: 30\r\n\r\n`, body: bytewise(30), pauseMs: 10 }],
  [
    "chunks that come byte by byte",
    { head: `${POST}Transfer-Encoding: chunked\r\n\r\n`, body: chunkwise(20), pauseMs: 10 },
  ],
]

function bytewise(count: number): Uint8Array[] {
  return Array.from({ length: count }, () => text("x"))
}

function chunkwise(count: number): Uint8Array[] {
  return [...Array.from({ length: count }, () => text("1\r\nx\r\n")), text("0\r\n\r\n")]
}
