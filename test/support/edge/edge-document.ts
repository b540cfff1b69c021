import { createApp } from "../../../src/edge/app.ts"
import type { OpenApiDocument } from "../../../src/edge/openapi/create-document.ts"
import { createServices } from "../../../src/edge/services.ts"
import { edgeEnv } from "./edge-runtime.ts"

/** An edge whose Redis is nowhere, for what needs none. */
export async function openDetachedApp(overrides: Record<string, string> = {}) {
  const env = await edgeEnv({ url: "http://127.0.0.1:9", token: "none" }, overrides)
  return createApp(createServices(env, { server: "test", write: () => undefined }), {
    clientAddress: () => "203.0.113.7",
    ownHosts: ["edge.test"],
  })
}

/** What the edge says of itself. */
export async function readDocument(overrides: Record<string, string> = {}): Promise<OpenApiDocument> {
  const response = await (await openDetachedApp(overrides)).request("/openapi.json")
  return response.json()
}
