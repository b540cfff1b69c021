import type { Access } from "../api/access.ts"
import { byId } from "../browser/element.ts"

/** The form for the API key, visible while the server requires one. */
export function createKeyForm(access: Access): { render: () => void } {
  const form = byId<HTMLFormElement>("key-form")
  const [input, keep] = [byId<HTMLInputElement>("key"), byId<HTMLInputElement>("key-keep")]
  form.addEventListener("submit", (event) => {
    event.preventDefault()
    const key = input.value.trim()
    if (key === "") return input.focus()
    input.value = ""
    access.give(key, { keep: keep.checked })
  })
  return {
    render: () => {
      form.hidden = !access.isAsked
      byId("key-note").textContent =
        access.isAsked && access.key !== undefined ? "The server does not know this key." : ""
    },
  }
}
