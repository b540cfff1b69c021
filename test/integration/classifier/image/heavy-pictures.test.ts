import { test } from "vitest"
import { expectBounded } from "../../../support/heavy/expect-bounded.ts"

test.skipIf(process.platform !== "linux")(
  "60 small files that ask for much work take no more than 600 MB above idle, each; 200: test:long (skipped where the kernel does not tell the peak)",
  () => expectBounded(60),
  120_000,
)
