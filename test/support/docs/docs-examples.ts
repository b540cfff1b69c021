export type DocsExample = { guide: string; title: string; language: string; code: string }

const ENTITIES: Record<string, string> = { "&lt;": "<", "&gt;": ">", "&amp;": "&", "&quot;": '"', "&#39;": "'" }

/** The examples as they stand on the page, as one would copy them. */
export function examplesOf(page: string): DocsExample[] {
  const pattern =
    /<h2 id="([\w-]+)"|<h4>([^<]*)<\/h4>\s*<pre tabindex="0"><code data-language="(\w+)">([\s\S]*?)<\/code>/g
  const examples: DocsExample[] = []
  let guide = ""
  for (const [, heading, title = "", language = "", code = ""] of page.matchAll(pattern)) {
    if (heading === undefined) examples.push({ guide, title: decode(title), language, code: decode(code) })
    else guide = heading
  }
  return examples
}

/** What stands in the fenced blocks of a Markdown page; ` file=NAME` behind the language says that it is to be saved. */
export function examplesOfMarkdown(text: string): { language: string; file?: string; code: string }[] {
  const pattern = /^```(\w+)(?: file=(\S+))?\n([\s\S]*?)^```$/gm
  return [...text.matchAll(pattern)].map(([, language = "", file, code = ""]) => {
    return { language, code, ...(file !== undefined && { file }) }
  })
}

const decode = (text: string) => text.replaceAll(/&(lt|gt|amp|quot|#39);/g, (entity) => ENTITIES[entity] ?? entity)
