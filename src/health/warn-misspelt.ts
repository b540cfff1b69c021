import type { Log } from "../lib/log.ts"

/** Shorter names have too many neighbours. */
const MIN_CHARS = 6
const MAX_EDITS = 2

/** Logs every variable that is set, is none of `names`, and differs from one of them by two letters at most. */
export function warnMisspelt(log: Log, env: NodeJS.ProcessEnv, names: readonly string[]): void {
  for (const variable of Object.keys(env)) {
    if (variable.length < MIN_CHARS || names.includes(variable)) continue
    const byEdits = names
      .map((name) => ({ name, edits: editsBetween(variable, name) }))
      .sort((a, b) => a.edits - b.edits)
    const [nearest] = byEdits
    if (nearest !== undefined && nearest.edits <= MAX_EDITS)
      log.warn("config.unknown", { variable, nearest: nearest.name })
  }
}

/** Levenshtein's distance. */
function editsBetween(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (const [i, char] of [...a].entries()) {
    const next = [i + 1]
    for (let j = 0; j < b.length; j++) {
      const same = (row[j] ?? 0) + (char === b[j] ? 0 : 1)
      next.push(Math.min(same, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
