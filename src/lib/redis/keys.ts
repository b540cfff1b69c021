/** Raised with every change that an older edge or classifier would misread. It is part of every key but those that a person made. */
export const SCHEMA_VERSION = 2
/** What a person made outlives the schema of jobs. */
const SETTINGS_VERSION = 1

/** The names of all keys, in one hash tag for clusters. Scripts write `keys.job(id)` for them (scripts/lua/keys-table.ts). */
export type Keys = ReturnType<typeof createKeys>

export function createKeys(namespace = "claimcheck") {
  const prefix = `{${namespace}}:${SCHEMA_VERSION}`
  const kept = `{${namespace}}:${SETTINGS_VERSION}`
  return {
    prefix,
    /** STRING, JSON: one job. */
    job: (id: string) => `${prefix}:job:${id}`,
    /** STRING, bytes: an image that waits for its job. */
    payload: (payloadId: string) => `${prefix}:payload:${payloadId}`,
    /** STRING, a line of JSON and then bytes: what a job has made (src/lib/outputs/stored-outputs.ts). */
    output: (jobId: string) => `${prefix}:output:${jobId}`,
    /** HASH, field hour since the epoch: bytes of outputs that expire in it. */
    outputBytes: `${prefix}:output-bytes`,
    /** HASH, the same of one caller. */
    outputBytesOf: (caller: string) => `${prefix}:output-bytes:${caller}`,
    /** STRING, job id: who answers for the same bytes, model version and options of one caller. */
    content: (contentKey: string) => `${prefix}:content:${contentKey}`,
    /** ZSET, member "id bytes caller", score start tag: jobs that wait in one queue (src/lib/queue/queue-name.ts). */
    queue: (queue: string) => `${prefix}:queue:${queue}`,
    /** HASH: what waits, and where the next job comes to stand (`counterFields` below). Its stored name is an older word. */
    counters: `${prefix}:flow`,
    /** ZSET, member "id:token", score lease end in ms: jobs that are worked on; and "-", which keeps the key. */
    leases: `${prefix}:leases`,
    /** SET, member "id:token": leases of a model that a person has limited; those that have ended, too, until the next claim. */
    running: (model: string) => `${prefix}:running:${model}`,
    /** ZSET, member id, score time of death in ms: jobs that used up their attempts. */
    dead: `${prefix}:dead`,
    /** STRING, JSON: the webhook events of one ticket, and every attempt to deliver them (src/lib/webhooks/delivery.ts). */
    delivery: (jobId: string) => `${prefix}:delivery:${jobId}`,
    /** ZSET, member a line (the origin of a receiver, or "<origin>#resend"), score when it has something due, at the earliest. */
    outbox: `${prefix}:outbox`,
    /** ZSET, member event id or "event id:lease token", score when it is due or its lease ends: what waits for one receiver. */
    line: (line: string) => `${prefix}:outbox:${line}`,
    /** ZSET, member event id, score when it was given up in ms. */
    undelivered: `${prefix}:undelivered`,
    /** HASH: one batch, what was asked for and how far it has come (src/lib/batches/scripts/include/batch-progress.lua has the fields). */
    batch: (id: string) => `${prefix}:batch:${id}`,
    /** ZSET, member job id, score number of the picture: what of a batch is in the queue or in work. */
    batchFlight: (id: string) => `${prefix}:batch:${id}:flight`,
    /** STRING, JSON: a piece of a batch's list (src/lib/batches/list-chunk.ts). */
    listChunk: (listId: string, index: number) => `${prefix}:list:${listId}:${index}`,
    /** HASH, field hour since the epoch: bytes of lists that expire in it. */
    listBytes: `${prefix}:list-bytes`,
    /** HASH, the same of one caller. */
    listBytesOf: (caller: string) => `${prefix}:list-bytes:${caller}`,
    /** ZSET, member batch id, score when a classifier should look at it: batches that are not done. */
    batches: `${prefix}:batches`,
    /** HASH, field caller: where its webhooks go by default, and the secrets that sign them. Made by a person; no TTL. */
    webhooks: `${kept}:webhooks`,
    /** HASH, field SHA-256 of an API key, value JSON: its name and limits. Made by a person; no TTL. */
    apiKeys: `${kept}:keys`,
    /** HASH, field name of an API key, value its SHA-256, or "revoked:<ms>": a name is given once. No TTL. */
    apiKeyNames: `${kept}:key-names`,
    /** HASH, field name of an API key, value the day of its last use. No TTL. */
    apiKeyUse: `${kept}:key-use`,
    /** HASH: "model:<id>" and "worker:<id>" to JSON; who serves what. */
    registry: `${prefix}:registry`,
    /** STRING: the schema version that classifiers last came with; read at start. The name of this key has no version. */
    schema: `{${namespace}}:schema`,
    /** Channel of the wake-up. No braces: the name stands in a URL, where Upstash's client does not encode it. */
    wakeChannel: `${namespace}:${SCHEMA_VERSION}:wake`,
  } as const
}

/** The fields of the hash `counters`; scripts write them as `fields.waiting`. A flow is a caller's single jobs, or its batches' rows. */
export const counterFields = {
  /** Jobs that wait, their bytes, and how many have ever left their queues. */
  waiting: "n",
  bytes: "bytes",
  served: "served",
  /** Jobs that wait in a queue, and of a caller. */
  waitingIn: (queue: string) => `n:${queue}`,
  waitingOf: (caller: string) => `d:${caller}`,
  bytesOf: (caller: string) => `b:${caller}`,
  /** Bytes of what is kept after the work, of all and of a caller (src/lib/queue/scripts/include/kept-bytes.lua). */
  kept: "kept",
  keptOf: (caller: string) => `kept:${caller}`,
  /** "1" while a person has stopped the queue. */
  paused: "paused",
  /** JSON: what a person has set for single models (src/lib/queue/model-limits.ts). */
  limits: "limits",
  /** Fair queueing: a queue's virtual time, the finish tag of a flow's last job, and the last of all of them. */
  virtualTime: (queue: string) => `v:${queue}`,
  finishTag: (queue: string, flow: string) => `f:${queue}:${flow}`,
  lastFinish: (queue: string) => `last:${queue}`,
  /** The start tag of the latest flow that had nothing waiting. */
  newestStart: (queue: string) => `new:${queue}`,
  /** When a caller's rate is reset. */
  rateReset: (caller: string) => `r:${caller}`,
  /** When a claim was repeated, by its token. */
  repeated: (token: string) => `t:${token}`,
  /** "<ms> <worker>": until when a worker drains for a queue's suspects. */
  drainer: (queue: string) => `drain:${queue}`,
  /** When the TTLs of a queue and of this hash were set, and that of the leases. */
  refreshed: (queue: string) => `fresh:${queue}`,
  leasesRefreshed: "leases",
  /** Where the sweep of this hash goes on. */
  sweepCursor: "cursor",
} as const
