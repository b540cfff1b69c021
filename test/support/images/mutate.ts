/** Repeatable numbers in 0..1 (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The picture with bits flipped, cut, a piece repeated or overwritten, or under another's first bytes. */
export function mutate(pictures: readonly Uint8Array[], random: () => number): Uint8Array<ArrayBuffer> {
  const below = (count: number) => Math.floor(random() * count)
  const one = () => pictures[below(pictures.length)] ?? new Uint8Array()
  const bytes = Uint8Array.from(one())
  switch (below(5)) {
    case 0: {
      for (let flips = 1 + below(20); flips > 0; flips--) {
        // Half of them where headers are.
        const at = below(random() < 0.5 ? Math.min(200, bytes.length) : bytes.length)
        bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8))
      }
      return bytes
    }
    case 1:
      return bytes.slice(0, below(bytes.length))
    case 2: {
      const from = below(bytes.length)
      bytes.copyWithin(below(bytes.length), from, from + 1 + below(64))
      return bytes
    }
    case 3: {
      // Four bytes of a length or an offset, made extreme.
      const at = below(Math.max(1, bytes.length - 4))
      bytes.fill(random() < 0.5 ? 0xff : 0, at, at + 4)
      return bytes
    }
    default: {
      bytes.set(one().subarray(0, Math.min(bytes.length, 1 + below(100))))
      return bytes
    }
  }
}
