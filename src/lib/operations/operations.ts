import * as z from "zod"
import { AppError } from "../app-error.ts"
import * as classify from "./classify.ts"
import * as compress from "./compress.ts"
import * as embed from "./embed.ts"
import * as inspect from "./inspect.ts"
import type { PlannedOutput, SourcePicture } from "./planned-output.ts"
import * as resize from "./resize.ts"

/** CONTRIBUTING.md says what an operation consists of. Its cost and the columns of its results follow from `usesModel` and `makesFile`. */
export const operationSchema = z.discriminatedUnion("name", [
  classify.schema,
  compress.schema,
  embed.schema,
  inspect.schema,
  resize.schema,
])
export type Operation = z.infer<typeof operationSchema>
export type OperationName = Operation["name"]
/** One of them, by its name. */
export type OperationOf<N extends OperationName> = Extract<Operation, { name: N }>

type OperationModule = {
  usesModel: boolean
  /** Each of its jobs has an output, which is kept as long as the job. */
  makesFile: boolean
  options: z.ZodObject
  schema: z.ZodType<Operation>
  fromOptions: (options: never) => Operation
  planOutput?: (operation: never, source: SourcePicture) => PlannedOutput
}

export const OPERATIONS = { classify, compress, embed, inspect, resize } satisfies {
  [N in OperationName]: OperationModule
}

export const operationNames = Object.keys(OPERATIONS) as OperationName[]

/** Every option of any of them, as the API describes it; which go together is parseOperation()'s to say. */
export const operationOptions = describeOptions()

type OptionSchema = z.ZodType<unknown, string | undefined>

function describeOptions(): { [name: string]: OptionSchema } {
  const described: { [name: string]: OptionSchema } = {}
  for (const [operation, { options }] of Object.entries(OPERATIONS)) {
    for (const [name, option] of Object.entries(options.shape) as [string, OptionSchema][]) {
      const own = String(option.description)
      const before = described[name]?.description
      const description = before?.endsWith(own)
        ? before.replace(":", `, \`${operation}\`:`)
        : [before, `\`${operation}\`: ${own}`].filter(Boolean).join(". ")
      described[name] = option.meta({ description })
    }
  }
  return described
}

export function isOperationName(name: string): name is OperationName {
  return Object.hasOwn(OPERATIONS, name)
}

/** The planned output of an operation; null if it makes none. */
export function planOutput(operation: Operation, source: SourcePicture): PlannedOutput | null {
  const { planOutput: plan }: OperationModule = OPERATIONS[operation.name]
  return plan?.(operation as never, source) ?? null
}

/**
 * The operation that a caller's options ask for. What is no option of it is refused: a typing error must not be taken for consent.
 * @param namedAs the caller's names of options, where they differ
 * @throws AppError invalid_options that names each option and what is wrong with it
 */
export function parseOperation(
  name: string,
  options: Readonly<Record<string, string>>,
  namedAs: Readonly<Record<string, string>> = {},
): Operation {
  if (!isOperationName(name)) {
    throw new AppError(
      "invalid_options",
      `Cannot accept options: operation: must be one of ${operationNames.join(", ")}`,
    )
  }
  const { options: schema, fromOptions } = OPERATIONS[name] as OperationModule
  const parsed = schema.safeParse(options)
  if (parsed.success) return fromOptions(parsed.data as never)
  const asWritten = (option: string) => (Object.hasOwn(namedAs, option) ? String(namedAs[option]) : option)
  const reasons = parsed.error.issues.map((issue) =>
    issue.code === "unrecognized_keys"
      ? unknownOptions(name, issue.keys.map(asWritten), Object.keys(schema.shape).map(asWritten))
      : `${asWritten(issue.path.join("."))}: ${issue.message}`,
  )
  throw new AppError("invalid_options", `Cannot accept options: ${reasons.join("; ")}`)
}

function unknownOptions(name: OperationName, unknown: readonly string[], known: readonly string[]): string {
  const names = unknown.slice(0, 5).map((option) => JSON.stringify(option.slice(0, 40)))
  const takes = known.length === 0 ? "takes no options" : `takes ${known.join(", ")}`
  return `${names.join(", ")} ${unknown.length === 1 ? "is no option" : "are no options"} of ${name}, which ${takes}`
}
