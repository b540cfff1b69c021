import fc from "fast-check"
import { describe, expect, it } from "vitest"
import * as z from "zod"
import { ConfigError, type Env, parseEnv } from "../../../../src/lib/env.ts"
import { toOtlpJson } from "../../../../src/lib/trace/otlp-json.ts"
import { traceEnv, traceTarget } from "../../../../src/lib/trace/trace-config.ts"
import {
  childOf,
  formatTraceparent,
  newTrace,
  parseTraceparent,
  type TraceContext,
} from "../../../../src/lib/trace/trace-context.ts"

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
const SPAN = "00f067aa0ba902b7"
const hex = (digits: number) =>
  fc.array(fc.constantFrom(..."0123456789abcdef"), { minLength: digits, maxLength: digits }).map((all) => all.join(""))
const id = (digits: number) => hex(digits).filter((text) => !/^0+$/.test(text))
const context: fc.Arbitrary<TraceContext> = fc.record({ traceId: id(32), spanId: id(16), isSampled: fc.boolean() })

describe("parseTraceparent()", () => {
  it("reads back every context that was written", () => {
    fc.assert(
      fc.property(context, (one) => {
        expect(parseTraceparent(formatTraceparent(one))).toEqual(one)
      }),
    )
  })

  it("takes from the flags only whether the trace is sampled", () => {
    fc.assert(
      fc.property(context, hex(2), ({ traceId, spanId }, flags) => {
        const isSampled = Number.parseInt(flags, 16) % 2 === 1
        expect(parseTraceparent(`00-${traceId}-${spanId}-${flags}`)).toEqual({ traceId, spanId, isSampled })
      }),
    )
  })

  it("reads a later version as far as it knows it", () => {
    const known = { traceId: TRACE, spanId: SPAN, isSampled: true }
    for (const text of [`01-${TRACE}-${SPAN}-01`, `cc-${TRACE}-${SPAN}-01-what-comes-later`]) {
      expect(parseTraceparent(text)).toEqual(known)
    }
    expect(parseTraceparent(`cc-${TRACE}-${SPAN}-01what`)).toBeNull()
  })

  it.each([
    ["none", undefined],
    ["empty", ""],
    ["version ff", `ff-${TRACE}-${SPAN}-01`],
    ["more than version 00 has", `00-${TRACE}-${SPAN}-01-00`],
    ["a trace id of zeros", `00-${"0".repeat(32)}-${SPAN}-01`],
    ["a parent id of zeros", `00-${TRACE}-${"0".repeat(16)}-01`],
    ["capital letters", `00-${TRACE.toUpperCase()}-${SPAN}-01`],
    ["a short trace id", `00-${TRACE.slice(1)}-${SPAN}-01`],
    ["no flags", `00-${TRACE}-${SPAN}`],
    ["two of them, joined", `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`],
    ["a line break after it", `00-${TRACE}-${SPAN}-01\n`],
    ["spaces around it", ` 00-${TRACE}-${SPAN}-01 `],
  ])("takes %s for none", (_what, text) => expect(parseTraceparent(text)).toBeNull())

  it("never takes one with another trace or span for the same, and never throws", () => {
    const char = fc.oneof(hex(1), fc.string({ unit: "binary", minLength: 1, maxLength: 1 }))
    fc.assert(
      fc.property(context, fc.nat(54), char, (one, at, char) => {
        const text = formatTraceparent(one)
        const changed = text.slice(0, at) + char + text.slice(at + 1)
        const [, traceId, spanId] = /^(?!ff)[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-[\da-f]{2}$/.exec(changed) ?? []
        const isNone = traceId === undefined || /^0+$/.test(traceId) || /^0+$/.test(spanId ?? "")
        const isSampled = at === 54 ? Number.parseInt(char, 16) % 2 === 1 : one.isSampled
        expect(parseTraceparent(changed)).toEqual(isNone ? null : { traceId, spanId, isSampled })
      }),
    )
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => void parseTraceparent(text)))
  })
})

describe("childOf()", () => {
  it("stays in the trace, sampled or not, with a step of its own", () => {
    for (const isSampled of [true, false]) {
      const parent = newTrace({ isSampled })
      const child = childOf(parent)
      expect(child).toEqual({ ...parent, spanId: expect.stringMatching(/^[\da-f]{16}$/) })
      expect(child.spanId).not.toBe(parent.spanId)
      expect(parseTraceparent(formatTraceparent(child))).toEqual(child)
    }
  })
})

describe("traceTarget()", () => {
  const read = (env: Env) => traceTarget(parseEnv(z.object(traceEnv), env), "edge")
  const base = { headers: [], timeoutMs: 10_000, serviceName: "claimcheck-edge" }

  it("is off unless an endpoint or the exporter is asked for", () => {
    const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4318" }
    expect(read({})).toBeNull()
    expect(read({ OTEL_SERVICE_NAME: "x", OTEL_EXPORTER_OTLP_HEADERS: "a=b" })).toBeNull()
    expect(read({ OTEL_EXPORTER_OTLP_ENDPOINT: "" })).toBeNull()
    expect(read({ ...endpoint, OTEL_TRACES_EXPORTER: "none" })).toBeNull()
    expect(read({ ...endpoint, OTEL_TRACES_EXPORTER: "zipkin" })).toBeNull()
    expect(read({ ...endpoint, OTEL_SDK_DISABLED: "TRUE" })).toBeNull()
  })

  it("adds the path to the endpoint of all signals, and takes that of traces as it is", () => {
    const url = "http://c:4318/v1/traces"
    expect(read({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4318" })).toEqual({ ...base, url })
    expect(read({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4318/" })).toEqual({ ...base, url })
    const given = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://t/x/", OTEL_EXPORTER_OTLP_ENDPOINT: "http://c" }
    expect(read(given)?.url).toBe("https://t/x/")
    expect(read({ OTEL_TRACES_EXPORTER: "otlp" })?.url).toBe("http://localhost:4318/v1/traces")
  })

  it("reads headers, service name and deadline as OpenTelemetry writes them", () => {
    const env = {
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://c",
      OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20a%3D, x-team = one=two ,",
      OTEL_SERVICE_NAME: "pictures",
      OTEL_EXPORTER_OTLP_TIMEOUT: "500",
    }
    const headers = [
      ["authorization", "Bearer a="],
      ["x-team", "one=two"],
    ]
    expect(read(env)).toEqual({ url: "http://c/v1/traces", headers, timeoutMs: 500, serviceName: "pictures" })
    expect(read({ ...env, OTEL_EXPORTER_OTLP_TRACES_HEADERS: "a=50%" })?.headers).toEqual([["a", "50%"]])
  })

  it.each([
    ["OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"],
    ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "ftp://hunter2"],
    ["OTEL_EXPORTER_OTLP_HEADERS", "hunter2"],
    ["OTEL_EXPORTER_OTLP_HEADERS", "a=hunter2%0d%0aevil: 1"],
    ["OTEL_EXPORTER_OTLP_HEADERS", "a b=hunter2"],
    ["OTEL_EXPORTER_OTLP_TIMEOUT", "soon"],
  ])("refuses %s=%s by its name, without its value", (name, value) => {
    const start = () => read({ [name]: value })
    expect(start).toThrow(ConfigError)
    expect(start).toThrow(new RegExp(`^Cannot start: ${name} must`))
    expect(start).not.toThrow(/hunter2/)
  })
})

describe("toOtlpJson()", () => {
  it("writes ids in hexadecimal, instants as text, and never an end before its start", () => {
    const span = {
      context: { traceId: TRACE, spanId: SPAN, isSampled: true },
      name: "x",
      kind: "server" as const,
      startMs: 1_700_000_000_000.25,
      endMs: 1_600_000_000_000,
      attributes: { a: "b", n: 3, f: 0.5, t: true },
      error: "502",
    }
    expect(toOtlpJson([span], { serviceName: "s", part: "edge" })).toEqual({
      resourceSpans: [
        {
          resource: { attributes: [{ key: "service.name", value: { stringValue: "s" } }] },
          scopeSpans: [
            {
              scope: { name: "claimcheck/edge" },
              spans: [
                {
                  traceId: TRACE,
                  spanId: SPAN,
                  flags: 1,
                  name: "x",
                  kind: 2,
                  startTimeUnixNano: "1700000000000250000",
                  endTimeUnixNano: "1700000000000250000",
                  attributes: [
                    { key: "a", value: { stringValue: "b" } },
                    { key: "n", value: { intValue: "3" } },
                    { key: "f", value: { doubleValue: 0.5 } },
                    { key: "t", value: { boolValue: true } },
                  ],
                  status: { code: 2, message: "502" },
                },
              ],
            },
          ],
        },
      ],
    })
  })
})
