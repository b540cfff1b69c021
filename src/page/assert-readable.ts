import { ClaimcheckError } from "../lib/client/claimcheck.ts"

/** A file that was changed or taken away would look like a lost connection, and be tried for minutes. */
export async function assertReadable(file: Blob): Promise<void> {
  try {
    await file.slice(0, 1).arrayBuffer()
  } catch (cause) {
    throw new ClaimcheckError("unreadable", "The file cannot be read", { cause })
  }
}
