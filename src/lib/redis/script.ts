/** A Lua script as it is sent, with its SHA-1; and that of its text without the first line, where that says `#!lua flags=…`. */
export type Script = { text: string; sha1: string; plainSha1?: string }
