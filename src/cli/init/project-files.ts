import { randomBytes } from "node:crypto"
import { newWebhookSecret } from "../../lib/webhooks/webhook-secret.ts"

/** A file of a new project; `isSecret`: only its owner may read it. */
export type ProjectFile = { path: string; text: string; isSecret?: true }

const COMPOSE = `# The classifier, beside an edge on Workers and a Redis at Upstash: docker compose up --build -d
services:
  classifier:
    build:
      context: .
      dockerfile_inline: |
        FROM node:22-bookworm-slim
        ENV NODE_ENV=production MALLOC_ARENA_MAX=2 MALLOC_MMAP_THRESHOLD_=131072
        WORKDIR /app
        COPY package*.json ./
        RUN npm install --no-audit --no-fund
        USER node
    command: node --max-semi-space-size=4 node_modules/claimcheck/dist/classifier/main.js
    environment:
      UPSTASH_REDIS_REST_URL: \${UPSTASH_REDIS_REST_URL:?set it in .env}
      UPSTASH_REDIS_REST_TOKEN: \${UPSTASH_REDIS_REST_TOKEN:?set it in .env}
      WEBHOOK_SECRETS:
      CLAIMCHECK_MODELS: /app/models
      CLASSIFIER_MEMORY_MB: "3500"
    volumes: [./models:/app/models:ro]
    init: true
    restart: unless-stopped
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    read_only: true
    tmpfs: [/tmp]
    mem_limit: 4g
    pids_limit: 512
    # Jobs that it has claimed are finished first.
    stop_grace_period: 30s
`

const README = `# Image classifier

[claimcheck](https://www.npmjs.com/package/claimcheck): the API runs on Cloudflare Workers, the queue is a Redis at Upstash, and the classifier
runs on a machine of yours. To run all of it on this machine instead: \`npx claimcheck start\`.

1. Create a Redis database at Upstash with eviction off. Write its REST URL and token into \`.env\`.
2. Deploy the API, and give it the variables of \`.env\` as secrets:

       npx wrangler deploy
       npx wrangler secret bulk .env

3. Start the classifier, on any machine that has this folder:

       docker compose up --build -d
       # or without containers:
       node --env-file=.env --max-semi-space-size=4 node_modules/claimcheck/dist/classifier/main.js

4. Create an API key, and classify:

       node --env-file=.env node_modules/claimcheck/dist/cli/main.js keys create me
       CLAIMCHECK_URL=https://….workers.dev CLAIMCHECK_KEY=ck_… npx claimcheck classify photo.jpg

Copy the folder of a model of yours into \`models/\`: it is served beside the one that the package has. \`npx wrangler dev\` runs the API on this machine.
`

/** What \`claimcheck init\` writes. @param wranglerToml that of the package, for the worker's settings */
export function projectFiles(wranglerToml: string): ProjectFile[] {
  const env = [
    ["UPSTASH_REDIS_REST_URL", ""],
    ["UPSTASH_REDIS_REST_TOKEN", ""],
    ["TICKET_SECRET", randomBytes(32).toString("hex")],
    ["WEBHOOK_SECRETS", newWebhookSecret()],
    ["ALLOW_ANONYMOUS", "false"],
    ["CLAIMCHECK_MODELS", "models"],
  ]
  return [
    { path: "wrangler.toml", text: toProject(wranglerToml) },
    { path: ".env", text: env.map(([name, value]) => `${name}=${value}\n`).join(""), isSecret: true },
    { path: "compose.yaml", text: COMPOSE },
    { path: "README.md", text: README },
    { path: "models/README.md", text: "One folder per model: TF.js, Teachable Machine, AutoML or Custom Vision.\n" },
    { path: ".gitignore", text: "node_modules/\n.env\n.claimcheck/\n.wrangler/\n" },
  ]
}

/** The worker as it is packed, with the settings that it is deployed with, and without the comments for a clone. */
const toProject = (toml: string) =>
  `${toml
    .split(/^#/m)[0]
    ?.replace(/^main = .*$/m, 'main = "node_modules/claimcheck/dist/edge/worker-bundle.js"')
    .trim()}\n`
