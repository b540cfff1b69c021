import { CliError } from "../cli-error.ts"

const MOST_HOPS = 5

/** Fetches an address, hop by hop: never from https to http, and not in circles. @throws CliError, and what fetch throws */
export async function followRedirects(url: string, init: RequestInit): Promise<Response> {
  let at = url
  for (let hop = 0; hop <= MOST_HOPS; hop++) {
    const response = await fetch(at, { ...init, redirect: "manual" })
    const location = response.headers.get("location")
    if (response.status < 300 || response.status >= 400 || response.status === 304 || location === null) return response
    await response.body?.cancel()
    const next = new URL(location, at)
    if (!/^https?:$/.test(next.protocol) || (at.startsWith("https:") && next.protocol === "http:")) {
      throw new CliError(`Cannot fetch ${url}: it redirects to ${next.protocol}//${next.host}, which is not safe`)
    }
    at = next.href
  }
  throw new CliError(`Cannot fetch ${url}: it redirects more than ${MOST_HOPS} times`)
}
