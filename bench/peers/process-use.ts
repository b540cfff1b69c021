import { readFileSync } from "node:fs"

/** In which unit Linux counts CPU time for user space. */
const TICKS_PER_SECOND = 100

/** What a process has used so far: CPU time of all its threads, and its largest resident size (proc(5)). */
export function processUse(pid: number): { cpuMs: number; peakMb: number } {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
  // The name, in parentheses, may hold spaces; utime and stime are the fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  const ticks = Number(fields[11]) + Number(fields[12])
  const peakKb = Number(readFileSync(`/proc/${pid}/status`, "utf8").match(/^VmHWM:\s+(\d+) kB/m)?.[1])
  return { cpuMs: (ticks * 1_000) / TICKS_PER_SECOND, peakMb: peakKb / 1_024 }
}
