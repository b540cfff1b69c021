import { readFileSync } from "node:fs"

// Loaded with `node --import`: the wall clock of this process is off by the milliseconds in the file CHAOS_CLOCK_FILE.

const wallMs = Date.now
let byMs = 0
const look = () => {
  byMs = Number(readFileSync(process.env.CHAOS_CLOCK_FILE, "utf8"))
}
look()
setInterval(look, 50).unref()

const now = () => wallMs() + byMs
globalThis.Date = new Proxy(Date, {
  construct: (target, args) => Reflect.construct(target, args.length > 0 ? args : [now()]),
  get: (target, name) => (name === "now" ? now : Reflect.get(target, name)),
})
