/** What a text says as JSON; null when it is none, which the schema that is asked next will refuse. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
