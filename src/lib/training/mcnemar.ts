/**
 * How likely two classifiers that are equally good differ this much on the same images, both ways: McNemar's test, mid-p
 * (Fagerland, Lydersen and Laake 2013).
 * @param onlyFirst images that the first classifier alone was right about
 * @param onlyOther images that the other alone was right about
 */
export function mcnemar(onlyFirst: number, onlyOther: number): number {
  const all = onlyFirst + onlyOther
  if (all === 0) return 1
  const less = Math.min(onlyFirst, onlyOther)
  // Of C(all, k) / 2^all, by its logarithm: factorials overflow.
  let logChance = -all * Math.LN2
  let below = 0
  for (let k = 0; k < less; k++) {
    below += Math.exp(logChance)
    logChance += Math.log((all - k) / (k + 1))
  }
  const chance = Math.exp(logChance)
  return onlyFirst === onlyOther ? 1 - chance / 2 : 2 * below + chance
}
