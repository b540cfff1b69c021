import { startHealthServer } from "../health/health-server.ts"
import { warnMisspelt } from "../health/warn-misspelt.ts"
import type { Log } from "../lib/log.ts"
import { sizeLimits } from "../lib/queue/queue-config.ts"
import { openRedis } from "../redis-tcp/open-redis.ts"
import { composeClassifier } from "./compose-classifier.ts"
import { type ClassifierConfig, classifierEnv, memoryLimitBytes } from "./config.ts"
import { loadOnnxRuntime } from "./engine/onnx/runtime.ts"
import { revectorize } from "./engine/revectorize.ts"
import { addWasmMetric, reportModels } from "./health/model-metrics.ts"
import { chooseCodec } from "./image/open-codec.ts"
import { ForcedShutdown } from "./jobs/forced-shutdown.ts"
import { LanePool } from "./lane/lane-pool.ts"
import { openModelWatcher } from "./lane/open-model-watcher.ts"
import type { ModelWatcher } from "./models/model-watcher.ts"
import { keepsInRedis } from "./outputs/create-output-store.ts"
import { runClassifier } from "./run-classifier.ts"

export type ServeOptions = {
  modelRoots: readonly string[]
  log: Log
  signal: AbortSignal
  /** The compiled lane thread; tests name another. */
  laneEntry?: URL
}

/** Serves models until the signal is aborted; then finishes the active jobs and returns. @throws when it cannot start */
export async function serve(
  config: ClassifierConfig,
  { modelRoots, log, signal, laneEntry }: ServeOptions,
): Promise<void> {
  if (config.ENGINE === "native") loadOnnxRuntime()
  // Before any thread compiles WASM.
  const isRevectorized = config.ENGINE === "wasm" && config.WASM_REVECTORIZE && (await revectorize(log))
  warnMisspelt(log, process.env, Object.keys(classifierEnv.shape))
  const { models, close } = await openModelWatcher(modelRoots, { engine: config.ENGINE, log })
  const { DEFAULT_MODEL: wanted } = config
  // Its folder may still come, or another classifier have it; a misspelt one must not go unseen.
  if (wanted !== undefined && !models.served.some(({ info }) => info.id === wanted))
    log.warn("model.default_missing", { model: wanted, served: models.served.map(({ info }) => info.id) })
  const kill = () => process.kill(process.pid, "SIGKILL")
  const forced = new ForcedShutdown({ maxMemoryBytes: memoryLimitBytes(config), log, kill })
  try {
    const pool = await LanePool.start({
      lanes: config.LANES,
      engine: config.ENGINE,
      models: models.served,
      warmModel: config.DEFAULT_MODEL,
      modelMemoryBytes: config.MODEL_MEMORY_MB * 2 ** 20,
      codec: await chooseCodec(config.CODEC, log),
      limits: {
        ...sizeLimits(config),
        maxBytes: config.MAX_IMAGE_BYTES,
        maxDecodeBytes: config.MAX_DECODE_BYTES,
        ...(keepsInRedis(config) && { maxOutputBytes: config.MAX_OUTPUT_BYTES }),
      },
      jobTimeoutMs: config.JOB_TIMEOUT_MS,
      // Every active job may come to wait for a lane.
      maxWaiting: config.FETCHES + 2 * config.LANES,
      onStuck: () => forced.onStuck(),
      ...(laneEntry && { entry: laneEntry }),
      log,
    })
    const deps = { models, pool, forced, isRevectorized, log }
    try {
      await serveWith(config, { ...deps, signal: AbortSignal.any([signal, forced.signal]) })
    } finally {
      forced.release()
      await pool.close()
    }
  } finally {
    close()
  }
}

type ServeDeps = Pick<ServeOptions, "log" | "signal"> & {
  models: ModelWatcher
  pool: LanePool
  forced: ForcedShutdown
  isRevectorized: boolean
}

async function serveWith(config: ClassifierConfig, deps: ServeDeps): Promise<void> {
  const { models, pool, forced, isRevectorized, log, signal } = deps
  const redis = openRedis(config)
  const classifier = await composeClassifier(config, { redis, pool, models, log })
  forced.guard(pool, classifier.active)
  addWasmMetric(classifier.prometheus, isRevectorized)
  const health = await startHealthServer({
    host: config.HEALTH_HOST,
    port: config.HEALTH_PORT,
    allowedHosts: [config.HEALTH_HOST.toLowerCase(), ...config.ALLOWED_HOSTS],
    registry: classifier.prometheus,
    findProblem: classifier.findProblem,
    models: () => ({
      models: reportModels(pool),
      broken: models.broken.map(({ id, folder, code, message }) => ({ id, folder, code, message })),
    }),
    log,
  })
  await runClassifier(classifier, signal)
  await health.close()
  redis.close()
}
