export type Series = { name: string; colour: string; points: readonly (readonly [x: number, y: number])[] }
export type Panel = {
  title: string
  series: readonly Series[]
  minY: number
  maxY: number
  format: (y: number) => string
}

const WIDTH = 400
const HEIGHT = 300
const MARGIN = { left: 64, right: 28, top: 40, bottom: 48 }

/** Panels side by side, both axes logarithmic, as an SVG that reads on light and dark pages. */
export function plot(panels: readonly Panel[], xLabel: string): string {
  const legend = (panels[0]?.series ?? [])
    .map(({ name, colour }, i) => {
      const x = MARGIN.left + i * 145
      return `<rect x="${x}" y="${HEIGHT + 6}" width="14" height="4" fill="${colour}"/><text x="${x + 20}" y="${HEIGHT + 13}">${name}</text>`
    })
    .join("")
  const body = panels
    .map((panel, i) => `<g transform="translate(${i * WIDTH} 0)">${drawPanel(panel, xLabel)}</g>`)
    .join("")
  const size = `viewBox="0 0 ${WIDTH * panels.length} ${HEIGHT + 24}"`
  const style = "font: 12px system-ui, sans-serif; fill: #57606a; background: #fff"
  const title = "<title>Polls per ticket and delay added, by how clients poll</title>"
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} style="${style}">${title}${body}${legend}</svg>\n`
}

function drawPanel({ title, series, minY, maxY, format }: Panel, xLabel: string): string {
  const xs = series.flatMap(({ points }) => points.map(([x]) => x))
  const x = logScale(Math.min(...xs), Math.max(...xs), MARGIN.left, WIDTH - MARGIN.right)
  const y = logScale(minY, maxY, HEIGHT - MARGIN.bottom, MARGIN.top)
  const gridX = powersOfTen(Math.min(...xs), Math.max(...xs)).map(
    (value) =>
      `<line x1="${x(value)}" x2="${x(value)}" y1="${MARGIN.top}" y2="${HEIGHT - MARGIN.bottom}" stroke="#d0d7de"/>` +
      `<text x="${x(value)}" y="${HEIGHT - MARGIN.bottom + 16}" text-anchor="middle">${value.toLocaleString("en")}</text>`,
  )
  const gridY = powersOfTen(minY, maxY).map(
    (value) =>
      `<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${y(value)}" y2="${y(value)}" stroke="#d0d7de"/>` +
      `<text x="${MARGIN.left - 6}" y="${y(value) + 4}" text-anchor="end">${format(value)}</text>`,
  )
  const lines = series.map(({ colour, points }) => {
    const path = points.map(([px, py]) => `${x(px)},${y(Math.min(maxY, Math.max(minY, py)))}`).join(" ")
    return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`
  })
  const heading = `<text x="${MARGIN.left}" y="${MARGIN.top - 16}" font-weight="600">${title}</text>`
  const foot = `<text x="${WIDTH / 2 + 20}" y="${HEIGHT - 12}" text-anchor="middle">${xLabel}</text>`
  return [...gridX, ...gridY, ...lines, heading, foot].join("")
}

function logScale(from: number, to: number, start: number, end: number): (value: number) => number {
  const span = Math.log10(to) - Math.log10(from)
  return (value) => Math.round((start + ((Math.log10(value) - Math.log10(from)) / span) * (end - start)) * 10) / 10
}

function powersOfTen(from: number, to: number): number[] {
  const powers: number[] = []
  for (let power = Math.ceil(Math.log10(from)); power <= Math.floor(Math.log10(to) + 1e-9); power++)
    powers.push(10 ** power)
  return powers
}
