/**
 * What `work` costs in processor time, as a multiple of one plain pass over the same bytes: a ratio that holds on a busy
 * machine and on a slow one. The least of five of each, taken in turns.
 */
export function passesOver(bytes: Uint8Array, work: (bytes: Uint8Array) => unknown): number {
  const times = Array.from({ length: 5 }, () => [cpuMs(() => work(bytes)), cpuMs(() => sumOf(bytes))] as const)
  return Math.min(...times.map(([worked]) => worked)) / Math.min(...times.map(([, passed]) => passed))
}

/** What `work` costs in processor time: the least of five. Only a ratio of two of them says something. */
export function leastCpuMs(work: () => unknown): number {
  return Math.min(...Array.from({ length: 5 }, () => cpuMs(work)))
}

function cpuMs(work: () => unknown): number {
  const start = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(start)
  return (user + system) / 1_000
}

function sumOf(bytes: Uint8Array): number {
  let sum = 0
  for (let i = 0; i < bytes.length; i++) sum = (sum + (bytes[i] ?? 0)) | 0
  return sum
}
