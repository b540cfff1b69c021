import { fork } from "node:child_process"
import { join } from "node:path"
import type { PartName } from "../../src/cli/stack/parts/part.ts"
import type { ReaperMessage } from "../../src/cli/stack/processes/reaper.ts"

export type Reaper = {
  watch(name: PartName, pid: number): void
  forget(name: PartName, pid: number): void
  end(): void
}

/** The stack's own reaper: it ends every process that we leave behind, however we end ourselves. */
export function startReaper(root: string): Reaper {
  const child = fork(join(root, "dist/cli/stack/processes/reaper.js"), {
    detached: true,
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  })
  child.unref()
  child.channel?.unref()
  const send = (message: ReaperMessage) => {
    if (child.connected) child.send(message, () => undefined) // a reaper that died takes only the protection with it
  }
  return {
    watch: (name, pid) => send({ kind: "watch", name, pid }),
    forget: (name, pid) => send({ kind: "forget", name, pid }),
    end: () => {
      if (child.connected) child.disconnect()
    },
  }
}
