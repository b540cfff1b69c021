import { describe, test } from "vitest"
import { clientSuite } from "../contract/client-suite.ts"

describe("the client, inside workerd", () => {
  for (const { name, run } of clientSuite) test(name, run)
})
