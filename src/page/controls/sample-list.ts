import { byId, element } from "../browser/element.ts"

type Sample = { name: string; label: string; url: string }

/** The sample pictures. */
export async function showSamples(take: (files: File[]) => void): Promise<void> {
  const response = await fetch("/v1/samples")
  if (!response.ok) throw new Error(`/v1/samples answered ${response.status}`)
  const { samples } = (await response.json()) as { samples: Sample[] }
  const items = samples.map(({ name, url }) => {
    const img = element("img", { src: url, alt: name.replaceAll("-", " "), width: 256, height: 256 })
    const button = element("button", { type: "button", class: "sample" }, img)
    button.addEventListener("click", async () => {
      const bytes = await (await fetch(url)).blob()
      take([new File([bytes], `${name}.jpg`, { type: "image/jpeg" })])
    })
    return element("li", {}, button)
  })
  byId("samples").replaceChildren(...items)
}
