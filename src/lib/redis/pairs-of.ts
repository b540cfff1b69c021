/** Pairs of a flat reply: fields with values, members with scores. The SDK gives an object where it parses replies. */
export function pairsOf(reply: unknown): [string, string][] {
  if (!Array.isArray(reply)) return Object.entries((reply ?? {}) as Record<string, string>)
  return reply.flatMap((name, i): [string, string][] => (i % 2 === 0 ? [[String(name), String(reply[i + 1])]] : []))
}
