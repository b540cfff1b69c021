import { ClaimcheckError } from "../../lib/client/claimcheck.ts"

/** A changed or removed file looks like a lost connection and would be retried for minutes. */
export async function assertReadable(file: Blob): Promise<void> {
  try {
    await file.slice(0, 1).arrayBuffer()
  } catch (cause) {
    throw new ClaimcheckError("unreadable", "The file cannot be read", { cause })
  }
}
