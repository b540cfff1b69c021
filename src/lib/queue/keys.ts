/** Raised with every change that an older edge or classifier would misread. It is part of every key but those that a person made. */
export const SCHEMA_VERSION = 2
/** What a person made outlives the schema of jobs. */
const SETTINGS_VERSION = 1

/**
 * The names of everything that lies in Redis. One hash tag keeps all keys on one node of a cluster; the scripts build the
 * same names from `prefix` (src/lib/queue/scripts/prelude.ts).
 */
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
    /** HASH: virtual times, depths and bytes (src/lib/queue/scripts/prelude.ts has the fields). */
    flow: `${prefix}:flow`,
    /** ZSET, member "id:token", score lease end in ms: jobs that are worked on; and "-", which keeps the key. */
    leases: `${prefix}:leases`,
    /** ZSET, member id, score time of death in ms: jobs that used up their attempts. */
    dead: `${prefix}:dead`,
    /** STRING, JSON: how one ended ticket is told to its receiver, and every attempt (src/lib/webhooks/delivery.ts). */
    delivery: (jobId: string) => `${prefix}:delivery:${jobId}`,
    /** ZSET, member origin of a receiver, score when its line has something due, at the earliest. */
    outbox: `${prefix}:outbox`,
    /** ZSET, member event id or "event id:lease token", score when it is due or its lease ends: what waits for one receiver. */
    line: (receiver: string) => `${prefix}:outbox:${receiver}`,
    /** ZSET, member event id, score when it was given up in ms. */
    undelivered: `${prefix}:undelivered`,
    /** HASH: one batch, what was asked for and how far it has come (src/lib/queue/scripts/batch-prelude.ts has the fields). */
    batch: (id: string) => `${prefix}:batch:${id}`,
    /** ZSET, member job id, score number of the picture: what of a batch is in the queue or in work. */
    batchFlight: (id: string) => `${prefix}:batch:${id}:flight`,
    /** STRING, JSON: a piece of a batch's list (src/lib/batches/list-chunk.ts). */
    listChunk: (listId: string, index: number) => `${prefix}:list:${listId}:${index}`,
    /** HASH, field hour since the epoch: bytes of lists that expire in it. */
    listBytes: `${prefix}:list-bytes`,
    /** HASH, the same of one caller. */
    listBytesOf: (caller: string) => `${prefix}:list-bytes:${caller}`,
    /** ZSET, member batch id, score when a feeder should look at it: batches that are not done. */
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
    /** STRING: the schema version that classifiers last came with; whoever starts reads it. Its name carries none. */
    schema: `{${namespace}}:schema`,
    /** Channel of the wake-up. No braces: the name stands in a URL, where Upstash's client does not encode it. */
    wakeChannel: `${namespace}:${SCHEMA_VERSION}:wake`,
  } as const
}
