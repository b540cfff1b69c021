import { createHash, timingSafeEqual } from "node:crypto"
import { queryToken } from "./path-command.ts"
import { RestError } from "./rest-error.ts"

/** Throws RestError 401 unless the request carries the token, as a bearer or as `_token`. Takes the same time either way. */
export function createTokenCheck(token: string): (request: Request) => void {
  const expected = sha256(token)
  return (request) => {
    const given = bearerToken(request.headers.get("authorization")) ?? queryToken(request.url) ?? ""
    // Hashes have one length, which timingSafeEqual asks for, and tell nothing of the token's.
    if (!timingSafeEqual(sha256(given), expected)) throw new RestError(401, "WRONGPASS invalid or missing auth token")
  }
}

function bearerToken(header: string | null): string | null {
  return /^bearer +(\S+) *$/i.exec(header ?? "")?.[1] ?? null
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest()
}
