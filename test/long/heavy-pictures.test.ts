import { test } from "vitest"
import { expectBounded } from "../support/heavy/expect-bounded.ts"

test.skipIf(process.platform !== "linux")(
  "200 small files that ask for much work take no more than 600 MB above idle, each (skipped where the kernel does not tell the peak)",
  () => expectBounded(200),
  240_000,
)
