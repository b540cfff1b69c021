import { readFileSync, writeFileSync } from "node:fs"
import { join, relative } from "node:path"

/** Every connection to the local stack comes from this machine; on Workers the platform names the client here. */
const CLIENT_ADDRESS = "127.0.0.1"

export type WorkerdSettings = {
  /** The package's folder. */
  root: string
  /** Where the file goes. */
  folder: string
  port: number
  /** Variables that the worker may read. Their values stay in the environment: the file holds no secret. */
  names: readonly string[]
}

/** Writes what workerd is to run, in its own language (node_modules/workerd/workerd.capnp), and returns the file's path. */
export function writeWorkerdConfig({ root, folder, port, names }: WorkerdSettings): string {
  const path = join(folder, "edge.capnp")
  const bundle = relative(folder, join(root, "dist/edge/worker-bundle.js"))
  const bindings = names.map((name) => `(name = "${name}", fromEnvironment = "${name}")`)
  const text = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "edge", worker = (
      modules = [(name = "worker.js", esModule = embed ${JSON.stringify(bundle)})],
      compatibilityDate = "${readCompatibilityDate(root)}",
      bindings = [${bindings.join(", ")}],
      globalOutbound = "network")),
    (name = "network", network = (allow = ["public", "private"], tlsOptions = (trustBrowserCas = true))),
  ],
  sockets = [(
    name = "http", address = "127.0.0.1:${port}", service = "edge",
    # Takes the place of what a client writes there.
    http = (injectRequestHeaders = [(name = "CF-Connecting-IP", value = "${CLIENT_ADDRESS}")]))],
);
`
  writeFileSync(path, text)
  return path
}

/** The one that the worker is deployed with. */
function readCompatibilityDate(root: string): string {
  const [, date] = /^compatibility_date = "([\d-]+)"$/m.exec(readFileSync(join(root, "wrangler.toml"), "utf8")) ?? []
  if (date === undefined) throw new Error("wrangler.toml has no compatibility_date")
  return date
}
