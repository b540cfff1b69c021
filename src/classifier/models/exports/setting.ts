/** One thing that a folder says in a file other than claimcheck.json. */
export type Setting = {
  /** The key that would say it in claimcheck.json, with dots. */
  key: string
  value: unknown
  /** Where it was found: a file and its key, or what gave it away. */
  from: string
}

/** What files of other tools say of a model. */
export type ExportRules = {
  /** The tool that wrote the folder. */
  tool: string
  settings: Setting[]
}
