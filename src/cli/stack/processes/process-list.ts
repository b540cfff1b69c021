import { execFile } from "node:child_process"
import { readdir, readFile } from "node:fs/promises"
import { promisify } from "node:util"

export type RunningProcess = { pid: number; pgid: number; command: string }

/** Every process that runs (no zombies): from /proc where there is one, since a slim image has no `ps`; else from `ps`. */
export async function listProcesses(): Promise<RunningProcess[]> {
  return process.platform === "linux" ? await readProc() : await askPs()
}

async function readProc(): Promise<RunningProcess[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name))
  const found = await Promise.all(pids.map((pid) => readProcess(Number(pid))))
  return found.filter((entry) => entry !== null)
}

async function readProcess(pid: number): Promise<RunningProcess | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8")
    const command = (await readFile(`/proc/${pid}/cmdline`, "utf8")).replaceAll("\0", " ").trim()
    // proc(5): the name in brackets may hold anything, so the fields are counted from its end: state, ppid, pgrp.
    const [state, , pgid] = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    return state === "Z" ? null : { pid, pgid: Number(pgid), command }
  } catch {
    // It ended between the listing and the look.
    return null
  }
}

async function askPs(): Promise<RunningProcess[]> {
  const { stdout } = await promisify(execFile)("ps", ["-A", "-o", "pid=,pgid=,stat=,command="], { maxBuffer: 2 ** 24 })
  return stdout.split("\n").flatMap((line) => {
    const [, pid, pgid, state, command] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? []
    if (pid === undefined || state?.startsWith("Z") || command === undefined) return []
    return [{ pid: Number(pid), pgid: Number(pgid), command }]
  })
}
