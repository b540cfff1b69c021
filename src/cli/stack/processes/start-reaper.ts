import { fork } from "node:child_process"
import { fileURLToPath } from "node:url"
import type { PartName } from "../parts/part.ts"
import type { ReaperMessage } from "./reaper.ts"

export type Reaper = {
  watch: (name: PartName, pid: number) => void
  forget: (name: PartName, pid: number) => void
  /** Ends the reaper too; call it once every part is gone. */
  end: () => Promise<void>
}

export function startReaper(): Reaper {
  // A session of its own: neither Ctrl-C nor a closed terminal may take it along.
  const child = fork(fileURLToPath(new URL("./reaper.js", import.meta.url)), {
    detached: true,
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  })
  const exited = new Promise<void>((resolve) => {
    child.once("exit", () => resolve())
    child.once("error", () => resolve())
  })
  const send = (message: ReaperMessage) => {
    // The stack also runs without a reaper, only without protection against kill -9.
    if (child.connected) child.send(message, () => undefined)
  }
  return {
    watch: (name, pid) => send({ kind: "watch", name, pid }),
    forget: (name, pid) => send({ kind: "forget", name, pid }),
    end: async () => {
      if (child.connected) child.disconnect()
      await exited
    },
  }
}
