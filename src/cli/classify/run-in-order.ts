type Options<T, R> = {
  concurrency: number
  work: (item: T, index: number) => Promise<R>
  /** Told in the order of the items, each as soon as all before it are done. */
  tell: (result: R, item: T) => void
}

/** Works on several items at once. After a failure it starts no more, and throws once the others have ended and were reported. */
export async function runInOrder<T, R>(items: readonly T[], { concurrency, work, tell }: Options<T, R>): Promise<void> {
  const finished = new Map<number, R>()
  let next = 0
  let told = 0
  const lane = async () => {
    for (let i = next++; i < items.length; i = next++) {
      finished.set(i, await work(items[i] as T, i))
      for (; finished.has(told); told++) {
        tell(finished.get(told) as R, items[told] as T)
        finished.delete(told)
      }
    }
  }
  const stopOthers = (error: unknown) => {
    next = items.length
    throw error
  }
  const lanes = Array.from({ length: Math.min(concurrency, items.length) }, () => lane().catch(stopOthers))
  const failure = (await Promise.allSettled(lanes)).find((ended) => ended.status === "rejected")
  for (const i of [...finished.keys()].sort((a, b) => a - b)) tell(finished.get(i) as R, items[i] as T)
  if (failure !== undefined) throw failure.reason
}
