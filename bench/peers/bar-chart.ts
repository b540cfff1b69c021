export type Bar = { group: string; name: string; value: number }

const COLOURS = ["#1a7f37", "#9a6700", "#8250df", "#0969da", "#4ac26b", "#54aeff"]
const WIDTH = 800
const NAME_WIDTH = 210
const ROW = 18
const GAP = 26

/** Bars in groups, each group on a scale of its own, as an SVG that reads on light and dark pages. */
export function barChart(title: string, bars: readonly Bar[]): string {
  const parts: string[] = []
  let y = 40
  for (const group of new Set(bars.map((bar) => bar.group))) {
    const rows = bars.filter((bar) => bar.group === group)
    const largest = Math.max(...rows.map(({ value }) => value))
    parts.push(`<text x="8" y="${y + 13}" font-weight="600">${group}</text>`)
    y += ROW
    rows.forEach(({ name, value }, i) => {
      const width = Math.max(1, ((WIDTH - NAME_WIDTH - 70) * value) / largest)
      const colour = COLOURS[i % COLOURS.length]
      parts.push(
        `<text x="${NAME_WIDTH - 8}" y="${y + 13}" text-anchor="end">${name}</text>` +
          `<rect x="${NAME_WIDTH}" y="${y + 3}" width="${width.toFixed(1)}" height="${ROW - 6}" fill="${colour}"/>` +
          `<text x="${(NAME_WIDTH + width + 6).toFixed(1)}" y="${y + 13}">${value.toFixed(1)}</text>`,
      )
      y += ROW
    })
    y += GAP
  }
  const style = "font: 12px system-ui, sans-serif; fill: #57606a; background: #fff"
  const heading = `<title>${title}</title><text x="8" y="22" font-weight="600">${title}</text>`
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" style="${style}">${heading}${parts.join("")}</svg>\n`
}
