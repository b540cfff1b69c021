import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { build } from "esbuild"

const page = new URL("../../src/page/", import.meta.url)

type BuiltFile = { path: string; contentType: string; text?: string; base64?: string }
type BuiltSample = { name: string; label: string; url: string }

/**
 * Bundles the page and gives it, with the samples, as a module that the edge imports: the one way to serve files that is the
 * same on Workers, Deno and Node. Files have their hash in their name, so they can be kept for ever.
 */
export async function buildPage(): Promise<string> {
  const script = hashed("main.js", "text/javascript; charset=utf-8", { text: await bundle("main.ts") })
  const style = hashed("page.css", "text/css; charset=utf-8", { text: await bundle("page.css") })
  const icon = hashed("icon.svg", "image/svg+xml", { text: read("icon.svg").toString("utf8") })
  const samples = (JSON.parse(read("samples/samples.json").toString("utf8")) as Omit<BuiltSample, "url">[]).map(
    ({ name, label }) => {
      const base64 = read(`samples/${name}.jpg`).toString("base64")
      return { name, label, file: hashed(`${name}.jpg`, "image/jpeg", { base64 }) }
    },
  )
  const html = fill(read("index.html").toString("utf8"), { script, style, icon })
  return moduleOf({
    html: { text: html, etag: `"${hashOf(html)}"` },
    files: [script, style, icon, ...samples.map(({ file }) => file)],
    samples: samples.map(({ name, label, file }) => ({ name, label, url: file.path })),
  })
}

async function bundle(entry: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(entry, page))],
    bundle: true,
    minify: true,
    format: "esm",
    target: ["chrome120", "firefox121", "safari17.4"],
    legalComments: "none",
    write: false,
    logLevel: "warning",
  })
  return outputFiles[0]?.text ?? ""
}

function hashed(name: string, contentType: string, body: { text: string } | { base64: string }): BuiltFile {
  const hash = hashOf("text" in body ? body.text : body.base64)
  return { path: `/page/${name.replace(/(\.\w+)$/, `.${hash}$1`)}`, contentType, ...body }
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 12)
}

function fill(html: string, files: Record<string, BuiltFile>): string {
  return html.replace(/\{\{(\w+)\}\}/g, (_all, name: string) => {
    const file = files[name]
    if (file === undefined) throw new Error(`Cannot build the page: index.html names {{${name}}}, which is not built`)
    return file.path
  })
}

function read(path: string): Buffer {
  return readFileSync(new URL(path, page))
}

type Built = { html: { text: string; etag: string }; files: BuiltFile[]; samples: BuiltSample[] }

function moduleOf({ html, files, samples }: Built): string {
  return [
    "// Written by scripts/page/build-page.ts from src/page; not kept in git.",
    'import type { PageFile, Sample } from "./page-file.ts"',
    "",
    `export const html: { text: string; etag: string } = ${JSON.stringify(html)}`,
    `export const files: readonly PageFile[] = ${JSON.stringify(files, null, 1)}`,
    `export const samples: readonly Sample[] = ${JSON.stringify(samples, null, 1)}`,
    "",
  ].join("\n")
}
