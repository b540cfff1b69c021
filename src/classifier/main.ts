import { fileURLToPath } from "node:url"
import { serve } from "./classifier.ts"
import { readClassifierConfig } from "./config.ts"
import { runProcess } from "./run-process.ts"

/** The models that come with us, beside src and dist. */
const OWN_MODELS = fileURLToPath(new URL("../../models", import.meta.url))

await runProcess(
  "classifier",
  () => readClassifierConfig(process.env),
  (config, log, signal) => serve(config, { modelRoots: [OWN_MODELS, ...config.CLAIMCHECK_MODELS], log, signal }),
)
