import type { ApiKeyStore } from "../../lib/callers/api-key-store.ts"
import { formatRateLimit } from "../../lib/callers/rate-limit.ts"
import type { Paint } from "../terminal/terminal.ts"
import { renderTable } from "../terminal/text-table.ts"

type KeyList = Awaited<ReturnType<ApiKeyStore["list"]>>

/** One line a key; a limit that is not its own is "–". */
export function renderKeyList({ keys, revoked }: KeyList, paint: Paint): string {
  if (keys.length + revoked.length === 0) return "There are no keys. Make one with: claimcheck keys create NAME"
  const rows = [
    ...keys.map(({ name, weight, rateLimit, maxDepth, createdMs, lastUsedDay }) => [
      name,
      String(weight),
      rateLimit === undefined ? "–" : formatRateLimit(rateLimit),
      maxDepth === undefined ? "–" : String(maxDepth),
      dayOf(createdMs),
      lastUsedDay ?? "never",
    ]),
    ...revoked.map(({ name, revokedMs }) => [name, "", "", "", "", `revoked ${dayOf(revokedMs)}`]),
  ]
  return renderTable([["key", "weight", "rate", "depth", "made", "last used"], ...rows], paint, { right: [1, 2, 3] })
}

const dayOf = (ms: number) => new Date(ms).toISOString().slice(0, 10)
