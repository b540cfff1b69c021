import { spawn } from "node:child_process"
import { join } from "node:path"
import { z } from "zod"
import { CliError } from "../cli-error.ts"
import { packageRoot } from "../package-root.ts"
import { parseJson } from "../parse-json.ts"

const reportSchema = z.discriminatedUnion("ok", [
  z.object({
    ok: z.literal(true),
    id: z.string(),
    version: z.string(),
    facts: z.array(z.object({ what: z.string(), value: z.string(), from: z.string() })),
    picture: z.object({
      predictions: z.array(z.object({ label: z.string(), probability: z.number(), classIndex: z.number() })),
      decodeMs: z.number(),
      inferMs: z.number(),
      runs: z.number(),
    }),
    loadMs: z.number(),
    memory: z.object({ weightBytes: z.number(), wasmBytes: z.number(), processBytes: z.number() }),
  }),
  z.object({ ok: z.literal(false), code: z.string(), message: z.string() }),
])
export type CheckReport = z.infer<typeof reportSchema>

/** @property id what the model will be called, where that is not yet its folder's name */
export type CheckOptions = { id?: string; picture?: string | undefined; runs?: number | undefined; signal: AbortSignal }

/**
 * Has the classifier load and try a folder's model, in a process of its own: a model may end it, or never answer.
 * @throws CliError when it ends without a report
 */
export async function runCheck(folder: string, { id, picture, runs = 10, signal }: CheckOptions): Promise<CheckReport> {
  const script = join(packageRoot(), "dist/classifier/check-main.js")
  const args = [script, folder, picture ?? "", String(runs), ...(id === undefined ? [] : [id])]
  const child = spawn(process.execPath, args, { signal, stdio: "pipe" })
  let [output, errors] = ["", ""]
  child.stdout.on("data", (data) => (output += String(data)))
  child.stderr.on("data", (data) => (errors = (errors + String(data)).slice(-4_000)))
  const end = await new Promise<string>((resolve, reject) => {
    child.once("error", reject)
    child.once("close", (code, killer) => resolve(killer ? `was ended by ${killer}` : `ended with exit code ${code}`))
  })
  const report = reportSchema.safeParse(parseJson(output))
  if (report.success) return report.data
  const lastWords = errors.split("\n").findLast((line) => /error/i.test(line)) ?? errors.trim()
  throw new CliError(`The check of ${folder} ${end}: ${lastWords.slice(0, 500)}`, { code: "load_crashed" })
}
