import { html, raw } from "hono/html"
import { ERRORS } from "../../lib/app-error.ts"
import type { OpenApiDocument } from "../openapi/create-document.ts"
import { type Example, GUIDES, type Guide } from "./guides.ts"
import { prose } from "./prose.ts"
import { renderReference, renderWebhooks } from "./render-reference.ts"
import { STYLE } from "./style.ts"

/** The document as a page: short guides, then every operation. Without a script, and without a request to anywhere. */
export function renderDocs(document: OpenApiDocument, origin: string) {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>claimcheck: the API</title>
<style>${raw(STYLE)}</style>
</head>
<body>
<header>
<h1>claimcheck</h1>
<p>Upload an image, get a ticket, collect the result. Also available as <a href="openapi.json">OpenAPI 3.1</a>.</p>
<nav aria-label="On this page"><ul>
${GUIDES.map(({ id, title }) => html`<li><a href="#${id}">${title}</a></li>`)}
<li><a href="#reference">Reference</a></li>
<li><a href="#webhooks">Webhooks</a></li>
<li><a href="#errors">Errors</a></li>
</ul></nav>
</header>
<main>
${GUIDES.map((guide) => renderGuide(guide, origin))}
<div id="reference">${renderReference(document)}</div>
${renderWebhooks(document)}
${renderErrors()}
</main>
<footer><p>Within /v1, fields, headers and codes may be added. None is removed or changes its meaning.</p></footer>
</body>
</html>
`
}

function renderGuide({ id, title, text, examples }: Guide, origin: string) {
  return html`<section aria-labelledby="${id}">
<h2 id="${id}">${title}</h2>
${text.map((paragraph) => html`<p>${prose(paragraph)}</p>`)}
${examples.map((example) => renderExample(example, origin))}
</section>`
}

function renderExample({ language, title, code }: Example, origin: string) {
  return html`<h4>${title}</h4>
<pre tabindex="0"><code data-language="${language}">${code.replaceAll("{origin}", origin)}</code></pre>`
}

function renderErrors() {
  return html`<section aria-labelledby="errors">
<h2 id="errors">Errors</h2>
<p>${prose("Errors are `application/problem+json` with `status`, a stable `code` to branch on, and `detail`, which says what to change. 429 and 503 have `Retry-After`.")}</p>
<div class="wide"><table><thead><tr><th>Code</th><th>Status</th><th>Meaning</th></tr></thead><tbody>
${Object.entries(ERRORS).map(([code, [status, title]]) => html`<tr><td><code>${code}</code></td><td>${status}</td><td>${title}</td></tr>`)}
</tbody></table></div>
</section>`
}
