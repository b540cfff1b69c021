/** What must agree before a version is published. */
export type Release = {
  /** Version by the file that says it. */
  versions: Readonly<Record<string, string | undefined>>
  changelog: string
  /** The tag that is released, such as `v1.2.3`. */
  tag?: string | undefined
}

/** Why this must not be published yet; nothing if it may. */
export function releaseProblems({ versions, changelog, tag }: Release): string[] {
  const [[first = "", version = ""] = []] = Object.entries(versions)
  const others = Object.entries(versions).filter(([, other]) => other !== version)
  const sections = new Map(
    changelog
      .split(/^## /m)
      .slice(1)
      .map((section) => [section.split(/[\s(]/)[0] ?? "", section.split("\n").slice(1).join("\n").trim()] as const),
  )
  const heading = new RegExp(`^## ${version.replaceAll(".", "\\.")} \\(\\d{4}-\\d\\d-\\d\\d\\)$`, "m")
  return [
    ...others.map(([file, other]) => `${file} has version ${other}, ${first} has ${version}`),
    ...(tag !== undefined && tag !== `v${version}` ? [`The tag is ${tag}, ${first} has version ${version}`] : []),
    ...(heading.test(changelog) ? [] : [`CHANGELOG.md has no heading "## ${version} (YYYY-MM-DD)"`]),
    ...(sections.get(version) === "" ? [`CHANGELOG.md says nothing of ${version}`] : []),
    ...(sections.get("Unreleased") ? ["CHANGELOG.md still has changes under Unreleased"] : []),
  ]
}
