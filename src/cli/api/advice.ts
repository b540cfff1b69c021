import { DEFAULT_URL } from "./edge-options.ts"

/** As a shell takes it for one word. */
export const quoted = (text: string) => (/^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`)

/** `--url …` for a suggested command, where it must be repeated. */
export function urlFlag(url: string): string {
  return url === (process.env.CLAIMCHECK_URL || DEFAULT_URL) ? "" : ` --url ${quoted(url)}`
}

/** Server messages name API options; these are the CLI's. */
export function withFlags(sentence: string): string {
  const names = /\b(on_invalid|url_column|batch_size|webhook_url|webhook_every|output_format|top_k)(?:=(\w+))?\b/g
  return sentence
    .replace("say `charset` in the Content-Type", "name its encoding: --charset windows-1252")
    .replace(names, (_all, name: string, value?: string) =>
      [`--${name.replaceAll("_", "-")}`, value].filter(Boolean).join(" "),
    )
}

/** The command that waits for tickets; with a folder it fetches the files they make, too. */
export function waitCommand(ids: readonly string[], { url, out }: { url: string; out?: string | undefined }): string {
  return `claimcheck ticket --wait${out === undefined ? "" : ` --out ${quoted(out)}`}${urlFlag(url)} ${ids.join(" ")}`
}
