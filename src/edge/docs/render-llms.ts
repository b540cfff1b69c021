import { ERRORS } from "../../lib/app-error.ts"
import type { OpenApiDocument } from "../openapi/create-document.ts"
import { GUIDES } from "./guides.ts"

const HEAD = `# claimcheck

> An image classifier behind an HTTP API: upload an image, get a ticket, collect the result.
`

/** Where what is (https://llmstxt.org): the guides and the reference, for programs that read text. */
export function renderLlms(origin: string): string {
  const guides = GUIDES.map(({ id, title }) => `- [${title}](${origin}/docs#${id})`)
  return `${HEAD}
## Guides

- [All guides, operations and errors in one text](${origin}/llms-full.txt)
${guides.join("\n")}

## Reference

- [OpenAPI 3.1](${origin}/openapi.json): every operation, schema and error
- [The same as a page](${origin}/docs)
`
}

/** The guides of /docs as Markdown, then every operation and error in a line. */
export function renderLlmsFull(document: OpenApiDocument, origin: string): string {
  const guides = GUIDES.map(({ title, text, examples }) => {
    const blocks = examples.map(({ language, title, code }) => `### ${title}\n\n\`\`\`${language}\n${code}\n\`\`\``)
    return [`## ${title}`, ...text, ...blocks].join("\n\n").replaceAll("{origin}", origin)
  })
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { summary }]) => `- \`${method.toUpperCase()} ${path}\`: ${summary}`),
  )
  const errors = Object.entries(ERRORS).map(([code, [status, title]]) => `- \`${code}\` (${status}): ${title}`)
  return [HEAD, ...guides, "## Operations", operations.join("\n"), "## Errors", errors.join("\n")]
    .join("\n\n")
    .concat("\n")
}
