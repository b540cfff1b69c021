/** What is told of a job. `gone`: the queue knows no such job. */
export type Reading =
  | { state: "waiting" }
  | { state: "done"; answer: string }
  | { state: "failed"; reason: string }
  | { state: "canceled" }
  | { state: "gone" }

/** Does the work of a job and returns its answer, which is another one at every attempt. */
export type Work = (id: string) => Promise<string>

/** The little that every queue can do. All but work() reject while the store is away. */
export type QueueUnderTest = {
  /** Resolves when the job is acknowledged. Repeated with the same id, it is the same job. */
  submit(id: string): Promise<void>
  read(id: string): Promise<Reading>
  /** False when it was too late. */
  cancel(id: string): Promise<boolean>
  /** Works until the process ends. `onAccepted`: the queue said that it has taken the answer. */
  work(work: Work, onAccepted: (id: string) => void): Promise<void>
  close(): Promise<void>
}

export type QueueSettings = {
  url: string
  /** Jobs at a time in one worker. */
  concurrency: number
  /** How long a job belongs to a worker that no longer says so. */
  lockMs: number
  maxAttempts: number
}

export type OpenQueue = (settings: QueueSettings) => Promise<QueueUnderTest>

type System = { store: "redis" | "postgres"; module: string; packages: readonly string[] }

export const SYSTEMS = {
  claimcheck: { store: "redis", module: "./claimcheck-queue.ts", packages: [] },
  bullmq: { store: "redis", module: "./bullmq-queue.mjs", packages: ["bullmq", "ioredis"] },
  "pg-boss": { store: "postgres", module: "./pg-boss-queue.mjs", packages: ["pg-boss"] },
} as const satisfies Record<string, System>
export type SystemName = keyof typeof SYSTEMS
export const SYSTEM_NAMES = Object.keys(SYSTEMS) as SystemName[]

export async function openQueue(system: SystemName, settings: QueueSettings): Promise<QueueUnderTest> {
  const { openQueue: open } = (await import(SYSTEMS[system].module)) as { openQueue: OpenQueue }
  return open(settings)
}
