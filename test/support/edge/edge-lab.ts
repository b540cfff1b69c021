import { inject } from "vitest"
import type { Backend } from "./edge-runtime.ts"

/** A Redis and a gateway that the global setup starts for a test that runs where no process can be started. */
export async function startBackendInLab(): Promise<Backend> {
  const ask = async (path: string): Promise<unknown> => {
    const response = await fetch(`${inject("labUrl")}/${path}`, { method: "POST" })
    if (!response.ok) throw new Error(`The lab cannot ${path}: ${await response.text()}`)
    return response.json()
  }
  const { number, url, token } = (await ask("start")) as { number: number; url: string; token: string }
  const control = (verb: string) => async () => void (await ask(`${number}/${verb}`))
  return {
    url,
    token,
    pause: control("pause"),
    resume: control("resume"),
    kill: control("kill"),
    stop: control("stop"),
  }
}
