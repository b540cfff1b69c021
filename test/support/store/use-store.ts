import { afterAll, afterEach, beforeAll, beforeEach } from "vitest"
import { auditStore, dumpStore } from "./store-audit.ts"
import { type StoreHarness, startStoreHarness } from "./store-harness.ts"

export type UsedStore = StoreHarness & {
  /** All that lies in Redis. */
  dump(): ReturnType<typeof dumpStore>
}

/**
 * A store for the tests of one file: started before the first, emptied before each, audited after each (unless what they
 * leave is broken on purpose or too much), closed after the last. Its fields are there once a test runs.
 */
export function useStore({ isAudited = true }: { isAudited?: boolean } = {}): UsedStore {
  const used = { dump: () => dumpStore(used.client, used.keys) } as UsedStore
  beforeAll(async () => void (await startStoreHarness(used)))
  afterAll(() => used.close?.())
  beforeEach(() => used.reset())
  if (isAudited) afterEach(() => auditStore(used.client, used.keys))
  return used
}
