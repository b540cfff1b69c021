import { readdirSync, readFileSync } from "node:fs"

/** In which unit Linux counts CPU time for user space. */
const TICKS_PER_SECOND = 100

export type Use = { cpuMs: number; peakMb: number }

/** What a process group has used so far: CPU time of all threads, and the sum of the largest resident sizes (proc(5)). */
export function groupUse(pgid: number): Use {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && groupOf(name) === pgid)
  return pids.reduce(
    (sum, pid) => {
      const { cpuMs, peakMb } = processUse(pid)
      return { cpuMs: sum.cpuMs + cpuMs, peakMb: sum.peakMb + peakMb }
    },
    { cpuMs: 0, peakMb: 0 },
  )
}

/** What one process has used. */
export function processUse(pid: string): Use {
  const [, , , , , , , , , , , userTicks, systemTicks] = statFields(pid)
  const peakKb = Number(readFileSync(`/proc/${pid}/status`, "utf8").match(/^VmHWM:\s+(\d+) kB/m)?.[1] ?? 0)
  return { cpuMs: ((Number(userTicks) + Number(systemTicks)) * 1_000) / TICKS_PER_SECOND, peakMb: peakKb / 1_024 }
}

/** Null for a process that has just ended. */
function groupOf(pid: string): number | null {
  try {
    return Number(statFields(pid)[2])
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ESRCH")) return null
    throw error
  }
}

/** From the third field on, the state: the second is the name in parentheses, and may hold spaces. */
function statFields(pid: string): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")
}
