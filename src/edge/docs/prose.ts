import { html } from "hono/html"

/** A sentence in which `backticks` mark code. */
export function prose(text: string) {
  return text.split("`").map((part, i) => (i % 2 === 0 ? html`${part}` : html`<code>${part}</code>`))
}
