import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { build } from "esbuild"
import { batchTicketSchema } from "../../src/lib/batches/batch-ticket.ts"
import { options as compress } from "../../src/lib/operations/compress.ts"
import { options as inspect } from "../../src/lib/operations/inspect.ts"
import { options as resize } from "../../src/lib/operations/resize.ts"
import { modelListSchema } from "../../src/lib/queue/model-list.ts"
import { queueStatsSchema } from "../../src/lib/queue/queue-stats.ts"
import { ticketSchema } from "../../src/lib/tickets/ticket.ts"
import { joinDeclarations } from "./declarations.ts"
import { schemaType } from "./schema-type.ts"

// After tsc: makes `clients/javascript/dist`, one module and its types, which need nothing else.
const OUT = "clients/javascript/dist"
const DECLARED = "dist/lib/client"

const options = Object.entries({ inspect, compress, resize }).map(
  ([name, schema]) => `    ${name}: ${schemaType(schema, { isPartial: true }).replaceAll("\n", "\n    ")};\n`,
)
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
