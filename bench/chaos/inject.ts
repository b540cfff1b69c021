import { setTimeout as delay } from "node:timers/promises"
import type { ManagedProcess } from "./managed-process.ts"
import type { Fault } from "./plan.ts"
import { allowEviction, fillRedis, flushScripts, killSubscribers, plantDamaged } from "./redis-faults.ts"
import type { Stack } from "./stack.ts"

/** Makes one fault happen; resolves when the stack is whole again. */
export async function inject(fault: Fault, stack: Stack, onKilled: (pid: number) => Promise<void>): Promise<void> {
  switch (fault.kind) {
    case "classifier killed":
      return restart(classifierOf(stack, fault.which), { ...fault, signal: "SIGKILL", onKilled })
    case "classifier restarted":
      return restart(classifierOf(stack, fault.which), { ...fault, signal: "SIGTERM" })
    case "classifier stalled":
      return stall(classifierOf(stack, fault.which), fault.forMs)
    case "redis restarted":
      return restart(stack.redis, { ...fault, signal: "SIGTERM" })
    case "redis killed":
      return restart(stack.redis, { ...fault, signal: "SIGKILL" })
    case "redis stalled":
      return stall(stack.redis, fault.forMs)
    case "gateway killed":
      return restart(stack.gateway, { ...fault, signal: "SIGKILL" })
    case "gateway away":
      return restart(stack.gateway, { ...fault, signal: "SIGTERM" })
    case "edge killed":
      return restart(stack.edge, { ...fault, signal: "SIGKILL" })
    case "connections cut": {
      const proxy = stack.proxies[fault.side]
      proxy.setTrouble(fault)
      await delay(fault.forMs)
      return proxy.setTrouble(null)
    }
    case "wake-ups silenced":
      return stack.proxies.classifier.silenceStreams()
    case "wake-ups dropped":
      stack.proxies.classifier.isDroppingMessages = true
      await delay(fault.forMs)
      stack.proxies.classifier.isDroppingMessages = false
      return
    case "clock stepped":
      stack.clocks[fault.side].step(fault.byMs)
      await delay(fault.forMs)
      return stack.clocks[fault.side].step(0)
    case "redis clock stepped":
      for (const proxy of Object.values(stack.proxies)) proxy.stepTime(fault.byMs)
      return
    // One after the other with all that is done to Redis: full and with another policy, it would drop what it holds.
    case "redis full":
      return stack.redis.exclusively(() => fillRedis(stack.redisUrl, fault.forMs))
    case "eviction allowed":
      return stack.redis.exclusively(() => allowEviction(stack.redisUrl, fault.forMs))
    case "scripts flushed":
      return stack.redis.exclusively(() => flushScripts(stack.redisUrl))
    case "subscribers killed":
      return stack.redis.exclusively(() => killSubscribers(stack.redisUrl))
    case "records damaged":
      return stack.redis.exclusively(async () => {
        stack.damaged += await plantDamaged(stack.redisUrl, fault)
      })
    default:
      return fault satisfies never
  }
}

type Restart = { signal: "SIGTERM" | "SIGKILL"; downMs: number; onKilled?: (pid: number) => Promise<void> }

function restart(process: ManagedProcess, { signal, downMs, onKilled }: Restart): Promise<void> {
  return process.exclusively(async () => {
    const { pid } = process
    await process.end(signal)
    if (pid !== null) await onKilled?.(pid)
    await delay(downMs)
    await process.start()
  })
}

function stall(process: ManagedProcess, forMs: number): Promise<void> {
  return process.exclusively(async () => {
    process.pause()
    try {
      await delay(forMs)
    } finally {
      process.resume()
    }
  })
}

function classifierOf({ classifiers }: Stack, which: number): ManagedProcess {
  const classifier = classifiers[which % classifiers.length]
  if (classifier === undefined) throw new Error("There is no classifier to harm")
  return classifier
}
