import type { BatchPlan } from "../../../lib/batches/batch.ts"
import { OPERATIONS } from "../../../lib/operations/operations.ts"
import type { JobResult } from "../../../lib/queue/job.ts"
import type { PictureResult } from "./picture-result.ts"
import type { ResultRow } from "./result-rows.ts"

type Column = { name: string; of: (result: JobResult, plan: BatchPlan, model?: string) => string | number | undefined }

const IMAGE: Column[] = (["format", "width", "height", "bytes", "frames", "orientation", "sha256"] as const).map(
  (name) => ({ name, of: ({ image }) => image[name] }),
)
const PREDICTIONS: Column[] = [
  { name: "label", of: ({ predictions }) => predictions?.[0]?.label },
  { name: "probability", of: ({ predictions }) => predictions?.[0] && short(predictions[0].probability) },
  {
    name: "predictions",
    of: ({ predictions }) => predictions?.map(({ label, probability }) => `${label} ${short(probability)}`).join("; "),
  },
  { name: "model", of: (_result, _plan, model) => model },
]
const FEATURES: Column[] = [
  { name: "features", of: ({ features }) => (typeof features === "string" ? features : JSON.stringify(features)) },
  { name: "model", of: (_result, _plan, model) => model },
]
const OUTPUT: Column[] = [
  { name: "output_url", of: ({ output }, plan) => output && outputUrl(output, plan) },
  { name: "output_type", of: ({ output }) => output?.contentType },
  { name: "output_width", of: ({ output }) => output?.width },
  { name: "output_height", of: ({ output }) => output?.height },
  { name: "output_bytes", of: ({ output }) => output?.bytes },
]

function columnsOf({ operation }: BatchPlan): Column[] {
  const { usesModel, makesFile } = OPERATIONS[operation.name]
  if (operation.name === "embed") return FEATURES
  if (usesModel) return PREDICTIONS
  return makesFile ? [...OUTPUT, ...IMAGE] : IMAGE
}

/** The names of the columns: the list's own, then those of the results, with a prefix if the list already has the name. */
export function headerOf(plan: BatchPlan): string[] {
  const taken = new Set(plan.columns.map((name) => name.toLowerCase()))
  const ours = ["status", ...columnsOf(plan).map(({ name }) => name), "error"]
  return [...plan.columns, ...ours.map((name) => (taken.has(name) ? `result_${name}` : name))]
}

/** A row's cells: its own, then its results; those of several pictures are joined as its URLs were. */
export function cellsOf({ row, pictures }: ResultRow, plan: BatchPlan): string[] {
  const own = plan.columns.map((_name, i) => row.cells[i] ?? "")
  if (row.problem !== undefined) {
    return [...own, "failed", ...columnsOf(plan).map(() => ""), `invalid_rows: ${row.problem}`]
  }
  const join = (texts: string[]) => (texts.every((text) => text === "") ? "" : texts.join(row.separator ?? ","))
  const columns = columnsOf(plan).map((column) => {
    return join(
      pictures.map((end) => (end.status === "succeeded" ? String(column.of(end.result, plan, end.model) ?? "") : "")),
    )
  })
  return [...own, join(pictures.map(({ status }) => status)), ...columns, join(pictures.map(errorOf))]
}

function errorOf(end: PictureResult): string {
  return end.status === "failed" ? `${end.error.code}: ${end.error.message}` : ""
}

/** An output that the edge hands out itself has an address there. */
function outputUrl({ url, id }: NonNullable<JobResult["output"]>, { origin }: BatchPlan): string {
  const address = url ?? `/v1/outputs/${id}`
  return address.startsWith("/") ? origin + address : address
}

const short = (probability: number) => String(Math.round(probability * 1e4) / 1e4)
