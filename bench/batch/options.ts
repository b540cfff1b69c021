import { parseArgs } from "node:util"

const OPS = ["inspect", "classify", "compress", "resize"] as const
export type Op = (typeof OPS)[number]
const isOp = (name: string): name is Op => OPS.some((op) => op === name)

export type BenchOptions = {
  rows: number
  latencyMs: number
  op: Op
  size: number
  clients: number
  edge: "node" | "workerd"
  troubled: boolean
}

export function readOptions(): BenchOptions {
  const { values } = parseArgs({
    options: {
      rows: { type: "string", default: "5004" },
      latency: { type: "string", default: "1" },
      op: { type: "string", default: "inspect" },
      size: { type: "string", default: "64" },
      clients: { type: "string", default: "16" },
      edge: { type: "string", default: "node" },
      calm: { type: "boolean", default: false },
    },
  })
  const { op, edge } = values
  if (!isOp(op)) throw new Error(`--op is one of ${OPS.join(", ")}`)
  if (edge !== "node" && edge !== "workerd") throw new Error("--edge is node or workerd")
  return {
    rows: Number(values.rows),
    latencyMs: Number(values.latency),
    op,
    size: Number(values.size),
    clients: Number(values.clients),
    edge,
    troubled: !values.calm,
  }
}
