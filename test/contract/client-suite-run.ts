import { clientSuite } from "./client-suite.ts"

export type CaseResult = { name: string; error: string | null }

/** Runs the client's promises one after the other, where there is no test runner. */
export async function runClientSuite(): Promise<CaseResult[]> {
  const results: CaseResult[] = []
  for (const { name, run } of clientSuite) {
    const error = await run().then(
      () => null,
      (failure: unknown) => (failure instanceof Error ? (failure.stack ?? failure.message) : String(failure)),
    )
    results.push({ name, error })
  }
  return results
}
