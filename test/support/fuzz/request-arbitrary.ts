import fc from "fast-check"
import type { OpenApiDocument } from "../../../src/edge/openapi/create-document.ts"
import { ALICE, BOB } from "../edge/edge-runtime.ts"
import { bodyFor, type FuzzBody } from "./body-arbitrary.ts"
import { fromSchema, type Schema } from "./schema-arbitrary.ts"

export type FuzzRequest = {
  method: string
  /** Path and query as they are sent. */
  target: string
  headers: (readonly [name: string, value: string])[]
  body: FuzzBody | null
}

type Parameter = { name: string; in: "path" | "query" | "header"; schema: Schema }
type Operation = { parameters?: Parameter[]; requestBody?: { content: Record<string, { schema?: Schema }> } }

const OTHER_METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "get", "X"]
const ODD_PATHS = [
  "/",
  "//",
  "/v1",
  "/v1/",
  "/v1//classifications",
  "/v1/classifications/",
  "/V1/CLASSIFICATIONS",
  "/v1/classifications/../queue",
  "/v1/classifications/%2e%2e/queue",
  "/%",
  "/%zz",
  "/%00",
  "/v1/queue%00",
  "/v1/queue;a=b",
  "/__proto__",
  "/constructor",
  "/v1/:id",
  "/v1/*",
  `/${"a/".repeat(500)}`,
  `/${"%41".repeat(2_000)}`,
]
const ODD_IDS = [
  "x",
  "cls_",
  "%",
  "%00",
  "%zz",
  "%E0%A4%A",
  "..",
  ".",
  "*",
  ":id",
  "{id}",
  "__proto__",
  "%2F",
  "a%2Fb",
  "🦜",
  "a".repeat(9_000),
]
const ODD_QUERIES = [
  "",
  "&&==&",
  "%",
  "%zz=%zz",
  "=",
  "a[b]=c",
  "__proto__=1",
  "top_k=1&top_k=2",
  "%F0%9F",
  `a=${"b".repeat(20_000)}`,
]

/** Requests to every operation of the document: most of them nearly right, each of them odd somewhere. */
export function arbitraryRequest(document: OpenApiDocument, tickets: readonly string[]): fc.Arbitrary<FuzzRequest> {
  const root = document as Schema
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      // There is most to get wrong where there is a body.
      weight: "requestBody" in operation ? 12 : path.includes("{") ? 4 : 2,
      arbitrary: requestTo(path, method, operation as Operation, { root, tickets }),
    })),
  )
  const nowhere = fc.record({
    method: fc.constantFrom(...OTHER_METHODS),
    target: fc.oneof(
      fc.constantFrom(...ODD_PATHS),
      fc.webPath().map((path) => `/${path}`),
    ),
    headers: oddHeaders,
    body: fc.option(bodyFor({}, root), { freq: 2 }),
  })
  return fc.oneof(...operations, { weight: 6, arbitrary: nowhere })
}

type Known = { root: Schema; tickets: readonly string[] }

function requestTo(
  path: string,
  method: string,
  operation: Operation,
  { root, tickets }: Known,
): fc.Arbitrary<FuzzRequest> {
  const parameters = operation.parameters ?? []
  const inPlace = (place: Parameter["in"]) => parameters.filter((parameter) => parameter.in === place)
  const id = fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom(...tickets) },
    { weight: 1, arbitrary: fc.constantFrom(...tickets).map((ticket) => ticket.slice(0, -1)) },
    { weight: 2, arbitrary: fc.constantFrom(...ODD_IDS) },
  )
  // Many options seldom go together: half of the requests have none, or few would get past them.
  const options = fc.tuple(...inPlace("query").map((parameter) => sometimes(valueFor(parameter, root))))
  const query: fc.Arbitrary<readonly (readonly [string, string] | null)[]> = fc.oneof(fc.constant([]), options)
  const described = fc.tuple(...inPlace("header").map((parameter) => sometimes(headerOf(parameter, root))))
  const content = operation.requestBody?.content
  return fc
    .record({
      method: fc.oneof(
        { weight: 9, arbitrary: fc.constant(method.toUpperCase()) },
        { weight: 1, arbitrary: fc.constantFrom(...OTHER_METHODS) },
      ),
      id,
      query,
      oddQuery: sometimes(fc.constantFrom("", "", ...ODD_QUERIES)),
      described,
      more: oddHeaders,
      body:
        content === undefined
          ? fc.option(bodyFor({}, root), { freq: 6 })
          : fc.option(bodyFor(content, root), { freq: 12, nil: null }),
    })
    .map(({ method, id, query, oddQuery, described, more, body }) => {
      const pairs = [
        ...query.filter((pair) => pair !== null).map(([name, value]) => `${name}=${encode(value)}`),
        ...(oddQuery === null ? [] : [oddQuery]),
      ]
      const headers = [...described.filter((pair) => pair !== null), ...more]
      return {
        method,
        target: path.replaceAll(/\{\w+\}/g, () => id) + (pairs.length > 0 ? `?${pairs.join("&")}` : ""),
        headers,
        body,
      }
    })
}

/** Once of three times. */
const sometimes = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> =>
  fc.oneof({ weight: 2, arbitrary: fc.constant(null) }, { weight: 1, arbitrary })

const valueFor = ({ name, schema }: Parameter, root: Schema) =>
  fromSchema(schema, root).map((value) => [name, typeof value === "string" ? value : JSON.stringify(value)] as const)

const headerOf = ({ name, schema }: Parameter, root: Schema): fc.Arbitrary<readonly [string, string]> => {
  const known: Record<string, string[]> = {
    prefer: ["wait=1", "wait=0", "wait=99999999999", "wait=-1", "respond-async, wait=1", 'wait="1"', "wait"],
    "if-none-match": ["*", 'W/"x"', '"', ",,,", `W/"${"x".repeat(5_000)}"`],
    "idempotency-key": ["", "a", "a".repeat(255), "a".repeat(256), "é", "a, b"],
    "cache-control": ["no-cache", "no-store, no-cache", ",", "max-age=0"],
  }
  const values = known[name.toLowerCase()]
  return values === undefined
    ? valueFor({ name, schema, in: "header" }, root)
    : fc.constantFrom(...values).map((value) => [name, value] as const)
}

const oddHeaders: fc.Arbitrary<(readonly [string, string])[]> = fc
  .array(
    fc.oneof(
      fc.constantFrom<readonly [string, string]>(
        ["authorization", `Bearer ${ALICE}`],
        ["authorization", `bearer  ${BOB} `],
        ["authorization", "Bearer nobody"],
        ["authorization", "Bearer"],
        ["authorization", "Basic YTpi"],
        ["authorization", `Bearer ${"x".repeat(9_000)}`],
        ["origin", "null"],
        ["origin", "https://evil.example"],
        ["sec-fetch-site", "cross-site"],
        ["access-control-request-method", "POST"],
        ["x-forwarded-for", "127.0.0.1, ::1"],
        ["forwarded", "for=127.0.0.1;proto=https"],
        ["x-forwarded-proto", "https"],
        ["traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"],
        ["traceparent", "00-zz-zz-zz"],
        ["tracestate", "a=b,".repeat(200)],
        ["accept", "text/html;q=0.1, */*;q=nan"],
        ["accept-language", "de-CH, fr;q=0.9, *;q=0"],
        ["accept-encoding", "br, gzip;q=9"],
        ["range", "bytes=0-0,-1"],
        ["content-encoding", "gzip"],
        ["content-length", "999999999999"],
        ["content-length", "-1"],
        ["content-length", "1e3"],
        ["expect", "100-continue"],
        ["if-modified-since", "yesterday"],
        ["x-http-method-override", "DELETE"],
        ["cookie", "a=b; ".repeat(300)],
        ["x-binary", "\u0001\u00ff"],
        ["__proto__", "x"],
      ),
      fc.tuple(fc.stringMatching(/^[a-z][a-z-]{0,20}$/), fc.string({ maxLength: 30 })),
    ),
    { maxLength: 4 },
  )
  .chain((headers) => fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 0, 0, 300).map((bombs) => [...headers, ...bomb(bombs)]))

const bomb = (count: number) => Array.from({ length: count }, (_, i) => [`x-bomb-${i}`, "b".repeat(20)] as const)

/** As a client would, or not at all where that cannot be done. */
function encode(value: string): string {
  try {
    return encodeURIComponent(value)
  } catch {
    return "%ED%A0%80" // half of a surrogate pair
  }
}
