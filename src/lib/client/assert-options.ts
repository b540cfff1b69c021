/**
 * Refuses unknown options, so that a misspelt one is not ignored.
 * @throws TypeError that names the option, and the one that was probably meant
 */
export function assertOptions(given: object, known: Readonly<Record<string, true>>): void {
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(known, name))
  if (unknown === undefined) return
  const names = Object.keys(known)
  const meant = names.find((name) => plain(name) === plain(unknown))
  const advice = meant === undefined ? `the options are ${names.join(", ")}` : `it is called ${meant}`
  throw new TypeError(`There is no option ${JSON.stringify(unknown)}: ${advice}`)
}

/** `top_k` and `topk` are `topK`. */
const plain = (name: string) => name.toLowerCase().replace(/[^a-z0-9]/g, "")
