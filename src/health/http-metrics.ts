import { Counter, Gauge, Histogram, type Registry } from "prom-client"
import type { ObserveRequest } from "../lib/observe-request.ts"

const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"])

/** Requests by route and status. What no route takes has the route "none". */
export function addHttpMetrics(registry: Registry): ObserveRequest {
  const registers = [registry]
  const seconds = new Histogram({
    name: "claimcheck_http_request_duration_seconds",
    help: "Time from a request's headers to the headers of its answer, waits that it asked for included",
    labelNames: ["method", "route", "status"] as const,
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers,
  })
  const inFlight = new Gauge({
    name: "claimcheck_http_requests_in_flight",
    help: "Requests that are not answered yet",
    registers,
  })
  return () => {
    inFlight.inc()
    const startMs = performance.now()
    return ({ method, route, status }) => {
      inFlight.dec()
      const labels = {
        method: METHODS.has(method) ? method : "other",
        route: route.endsWith("*") ? "none" : route,
        status,
      }
      seconds.observe(labels, (performance.now() - startMs) / 1_000)
    }
  }
}

/** The same, with refusals by the code of their problem. */
export function addProblemMetrics(registry: Registry, observe: ObserveRequest): ObserveRequest {
  const refused = new Counter({
    name: "claimcheck_http_problems_total",
    help: "Refused requests by the code of the problem",
    labelNames: ["code"] as const,
    registers: [registry],
  })
  return () => {
    const end = observe()
    return (seen) => {
      end(seen)
      if (seen.code !== undefined) refused.inc({ code: seen.code })
    }
  }
}
