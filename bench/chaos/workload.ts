import { createHash } from "node:crypto"
import { between, pick, randomFor, wholeBetween } from "./random.ts"

/** `token` null: an anonymous caller. */
export type Caller = { name: string; token: string | null; weight: number }

export function createCallers(seed: number): Caller[] {
  const random = randomFor(seed, "callers")
  const token = () => `ck_${Array.from({ length: 4 }, () => Math.floor(random() * 2 ** 32).toString(36)).join("")}`
  return [
    { name: "heavy", token: token(), weight: 3 },
    { name: "usual", token: token(), weight: 1 },
    { name: "light", token: token(), weight: 0.5 },
    { name: "anonymous", token: null, weight: 1 },
  ]
}

/** What the edge is given in API_KEYS. */
export function toApiKeys(callers: readonly Caller[]): string {
  return callers
    .flatMap(({ name, token, weight }) =>
      token === null ? [] : [`${name}:${createHash("sha256").update(token).digest("hex")}:${weight}`],
    )
    .join(",")
}

/** What one client does with one picture. */
export type JobSpec = {
  number: number
  caller: Caller
  idempotencyKey: string
  /** Which picture is seen, and what makes its bytes its own. */
  picture: { base: number; comment: string }
  noCache: boolean
  /** How long after its ticket came it is canceled. */
  cancelAfterMs: number | null
  /** Submits again, with the same key, although it was answered. */
  submitsTwice: boolean
  /** Asks for nothing before the end: its laptop slept. */
  sleeps: boolean
  /** Polls with the ETag it has, and is content with a 304. */
  usesETag: boolean
  /** Is told of the end, too. */
  webhook: boolean
  /** A deadline that may pass before a classifier is free. */
  deadlineMs: number | null
}

/** `maySleep`: whether a ticket is still there when its client wakes up. */
type WorkloadOptions = {
  seed: number
  jobs: number
  pictures: number
  callers: readonly Caller[]
  maySleep: boolean
}

/** All jobs of a run, from the seed. Most are inferred; some come in bursts that share one inference, or an answer that is known. */
export function planJobs({ seed, jobs, pictures, callers, maySleep }: WorkloadOptions): JobSpec[] {
  const random = randomFor(seed, "workload")
  const bursts: { caller: Caller; picture: JobSpec["picture"] }[] = []
  const specs: JobSpec[] = []
  let [burst, left]: [(typeof bursts)[number] | null, number] = [null, 0]
  for (let number = 0; number < jobs; number++) {
    if (left === 0 && random() < 0.05) {
      const known = bursts.length > 0 && random() < 0.3
      burst = known
        ? pick(random, bursts)
        : {
            caller: pick(random, callers),
            picture: { base: wholeBetween(random, 0, pictures - 1), comment: `${seed}/b${number}` },
          }
      left = wholeBetween(random, 2, 4)
      bursts.push(burst)
    }
    const shared = left > 0 ? burst : null
    left = Math.max(0, left - 1)
    const sleeps = random() < 0.08 && maySleep
    specs.push({
      number,
      caller: shared?.caller ?? pick(random, callers),
      idempotencyKey: `chaos-${seed}-${number}`,
      picture: shared?.picture ?? { base: wholeBetween(random, 0, pictures - 1), comment: `${seed}/${number}` },
      noCache: shared === null,
      cancelAfterMs: !sleeps && random() < 0.2 ? between(random, 0, 3_000) : null,
      submitsTwice: random() < 0.04,
      sleeps,
      usesETag: random() < 0.5,
      webhook: random() < 0.25,
      deadlineMs: random() < 0.05 ? wholeBetween(random, 1, 1_500) : null,
    })
  }
  return specs
}
