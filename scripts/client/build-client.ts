import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { build } from "esbuild"
import { batchTicketSchema } from "../../src/lib/batches/batch-ticket.ts"
import { OPERATIONS } from "../../src/lib/operations/operations.ts"
import { modelListSchema } from "../../src/lib/queue/model-list.ts"
import { queueStatsSchema } from "../../src/lib/queue/queue-stats.ts"
import { ticketSchema } from "../../src/lib/tickets/ticket.ts"
import { joinDeclarations } from "./declarations.ts"
import { schemaType } from "./schema-type.ts"

// After tsc: makes `clients/javascript/dist`, one module and its types, which need nothing else.
const OUT = "clients/javascript/dist"
const DECLARED = "dist/lib/client"

/** As src/lib/client/operation-options.ts has them: of every operation with a method of its own. */
const { classify: _classify, ...operations } = OPERATIONS
const options = Object.entries(operations).map(([name, { options, usesModel }]) => {
  const type = schemaType(options, { isPartial: true }).replaceAll("\n", "\n    ")
  return `    ${name}: ${type}${usesModel ? " & { model?: string | undefined }" : ""};\n`
})
const written = Object.entries({
  TicketData: schemaType(ticketSchema),
  BatchTicket: schemaType(batchTicketSchema),
  ModelList: schemaType(modelListSchema),
  QueueStats: schemaType(queueStatsSchema),
  OperationOptions: `{\n${options.join("")}}`,
}).map(([name, type]) => ({ name, text: `type ${name} = ${type};` }))

const names = readdirSync(DECLARED).filter((name) => name.endsWith(".d.ts"))
const files = names.map((name) => readFileSync(`${DECLARED}/${name}`, "utf8"))

mkdirSync(OUT, { recursive: true })
writeFileSync(`${OUT}/client.d.ts`, joinDeclarations(files, written))
await build({
  entryPoints: ["src/lib/client/claimcheck.ts"],
  outfile: `${OUT}/client.js`,
  bundle: true,
  format: "esm",
  target: "es2022",
  // Deno and JSR look for the types here.
  banner: { js: '/* @ts-self-types="./client.d.ts" */' },
  logLevel: "warning",
})
copyFileSync("LICENSE", "clients/javascript/LICENSE")
