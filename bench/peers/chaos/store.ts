/** Where a queue keeps its jobs. */
export type Store = {
  port: number
  url: string
  stop(): Promise<void>
  kill(): Promise<void>
  /** Stops it in order, unless it was killed, and starts it again with what it has kept. */
  restart(downMs: number): Promise<void>
  pause(): void
  resume(): void
  /** It has room for nothing more, for so long; null where it has no such limit. */
  fill: ((forMs: number) => Promise<void>) | null
}
