import { BATCH_GUIDE } from "./batch-guide.ts"

export type Example = {
  /** What the tests run it with. */
  language: "sh" | "javascript" | "python"
  title: string
  code: string
}
export type Guide = { id: string; title: string; text: readonly string[]; examples: readonly Example[] }

/** `{origin}` is replaced by the address of the page. The tests run every example. */
export const GUIDES: readonly Guide[] = [
  {
    id: "submit",
    title: "Submit an image",
    text: [
      "Send the bytes of an image as the request body. You get a ticket with status 202, or 200 if the result is already cached.",
      "If the server requires an API key, send `Authorization: Bearer <key>` with every request. Options go in the query: `?top_k=3`. A form with the file field `image` works too.",
      'To classify an image at a URL, send JSON: `{"image_url": "https://…"}`, or call `claimcheck.submit({ imageUrl })` with the client. A classifier fetches it. If that fails, the ticket fails with the reason.',
      "Send an `Idempotency-Key` to retry safely after a lost response: requests with the same key return the same ticket.",
    ],
    examples: [
      {
        language: "sh",
        title: "curl",
        code: `curl -sS --fail-with-body --data-binary @picture.jpg \\
  -H 'content-type: image/jpeg' '{origin}/v1/classifications?top_k=3'`,
      },
      {
        language: "javascript",
        title: "JavaScript, with the client",
        code: `import { readFile } from "node:fs/promises"
import { Claimcheck } from "claimcheck/client"

const claimcheck = new Claimcheck({ url: "{origin}" })
const ticket = await claimcheck.submit(await readFile("picture.jpg"), { topK: 3 })
console.log(ticket.id)`,
      },
      {
        language: "python",
        title: "Python, standard library",
        code: `import json, uuid
from urllib.request import Request, urlopen

with open("picture.jpg", "rb") as file:
    picture = file.read()
headers = {"content-type": "image/jpeg", "idempotency-key": str(uuid.uuid4())}
request = Request("{origin}/v1/classifications?top_k=3", data=picture, headers=headers)
with urlopen(request) as response:
    ticket = json.load(response)
print(ticket["id"], ticket["status"])`,
      },
    ],
  },
  {
    id: "poll",
    title: "Poll for the result",
    text: [
      "Poll until `done` is true; do not wait for a certain `status`. Between requests, wait `poll_after_ms`, which every response also has as the header `Poll-After-Ms`, and in whole seconds as `Retry-After`. The server computes it from the length and speed of the queue, so most tickets need a single poll.",
      "`Prefer: wait=10` waits up to 10 seconds (at most 30) until the ticket is done. The response comes earlier, without `Preference-Applied`, if waiting cannot help: at once when the queue is too long, after two seconds when no classifier is running. With `If-None-Match: <ETag>` an unchanged ticket is a 304 without a body.",
    ],
    examples: [
      {
        language: "sh",
        title: "curl",
        code: `curl -sS --fail-with-body -o ticket.json --data-binary @picture.jpg \\
  -H 'content-type: image/jpeg' {origin}/v1/classifications
id=$(sed 's/.*"id":"\\(cls_[^"]*\\)".*/\\1/' ticket.json)
until grep -q '"done":true' ticket.json; do
  sleep "$(sed 's/.*"poll_after_ms":\\([0-9]*\\).*/\\1/' ticket.json | awk '{ print $1 / 1000 }')"
  curl -sS --fail-with-body -o ticket.json "{origin}/v1/classifications/$id"
done
cat ticket.json`,
      },
      {
        language: "javascript",
        title: "JavaScript, with the client: it polls and retries",
        code: `import { readFile } from "node:fs/promises"
import { Claimcheck } from "claimcheck/client"

const claimcheck = new Claimcheck({ url: "{origin}" })
const { status, predictions } = await claimcheck.classify(await readFile("picture.jpg"), { timeoutMs: 60_000 })
console.log(status, predictions?.[0])`,
      },
      {
        language: "python",
        title: "Python, standard library",
        code: `import json, time
from urllib.request import Request, urlopen

def ask(path, data=None, headers={}):
    with urlopen(Request("{origin}" + path, data=data, headers=headers)) as response:
        return json.load(response)

with open("picture.jpg", "rb") as file:
    ticket = ask("/v1/classifications", file.read(), {"content-type": "image/jpeg"})
while not ticket["done"]:
    time.sleep(ticket["poll_after_ms"] / 1000)
    ticket = ask("/v1/classifications/" + ticket["id"])
if ticket["status"] == "succeeded":
    for prediction in ticket["predictions"]:
        print(f"{prediction['probability']:.3f} {prediction['label']}")
else:
    print(ticket["status"], ticket.get("error"))`,
      },
    ],
  },
  BATCH_GUIDE,
  {
    id: "loop",
    title: "Many files",
    text: [
      "Submit all images first, a few at a time, and then collect the results: the queue works while you upload. Store the ids to continue after a restart.",
      "429 and 503 mean that the server is busy: wait `Retry-After` seconds and repeat the request with the same `Idempotency-Key`. Derive the key from the file's name and content, and you can run the whole loop again at no cost.",
      "`POST /v1/classifications/{id}/retry` submits a failed image again, as a new ticket, while the image is stored. With an API key, `GET /v1/jobs` lists your tickets that wait, are worked on, or used up their attempts, and `POST /v1/jobs/cancel?state=queued` cancels those that wait.",
    ],
    examples: [
      {
        language: "sh",
        title: "curl and xargs: four at a time",
        code: `ls *.jpg | xargs -P 4 -I {} curl -sS --fail-with-body --retry 5 \\
  --data-binary @{} -H 'content-type: image/jpeg' -H 'prefer: wait=30' \\
  -o {}.json {origin}/v1/classifications
grep -L '"done":true' *.jpg.json  # unfinished after 30 seconds`,
      },
      {
        language: "javascript",
        title: "JavaScript, with the client: it retries 429 and 503",
        code: `import { readdir, readFile } from "node:fs/promises"
import { Claimcheck } from "claimcheck/client"

const claimcheck = new Claimcheck({ url: "{origin}" })
const names = (await readdir(".")).filter((name) => name.endsWith(".jpg"))
const queue = names.values()
const tickets = new Map()
const uploader = async () => {
  for (const name of queue) tickets.set(name, await claimcheck.submit(await readFile(name)))
}
await Promise.all([uploader(), uploader(), uploader(), uploader()])
for (const [name, ticket] of tickets) {
  const { status, predictions } = await ticket.result()
  console.log(name, status, predictions?.[0]?.label)
}`,
      },
      {
        language: "python",
        title: "Python, standard library",
        code: `import glob, hashlib, json, time
from concurrent.futures import ThreadPoolExecutor
from urllib.error import HTTPError
from urllib.request import Request, urlopen

def ask(path, data=None, headers={}):
    for _ in range(20):
        try:
            with urlopen(Request("{origin}" + path, data=data, headers=headers)) as response:
                return json.load(response)
        except HTTPError as error:
            if error.code not in (429, 503):
                raise
            time.sleep(int(error.headers.get("retry-after") or 1))
    raise TimeoutError(path)

def submit(name):
    with open(name, "rb") as file:
        picture = file.read()
    key = hashlib.sha256(name.encode() + picture).hexdigest()
    return ask("/v1/classifications", picture, {"content-type": "image/jpeg", "idempotency-key": key})

names = sorted(glob.glob("*.jpg"))
with ThreadPoolExecutor(4) as pool:
    tickets = dict(zip(names, pool.map(submit, names)))
for name, ticket in tickets.items():
    while not ticket["done"]:
        time.sleep(ticket["poll_after_ms"] / 1000)
        ticket = ask("/v1/classifications/" + ticket["id"])
    print(name, ticket["status"], ticket.get("predictions", [{}])[0].get("label"))`,
      },
    ],
  },
  {
    id: "webhook",
    title: "Receive a webhook, and verify it",
    text: [
      "With `webhook_url` the server sends you the finished ticket as `{type, timestamp, data}`; `data` is the ticket of the image or batch. Webhooks are signed as in Standard Webhooks. The secret starts with `whsec_`: `claimcheck webhook secret` prints that of a local stack; for other servers, ask the operator.",
      "Verify every request: the signature is an HMAC-SHA256 over `id.timestamp.body`, with the raw body. Refuse timestamps that are more than five minutes off. The same `webhook-id` can arrive twice: process it once. Respond with 2xx within 20 seconds; anything else is retried for about three days.",
      "`GET /v1/classifications/{id}/deliveries` and `GET /v1/batches/{id}/deliveries` list every attempt. `POST` to the same path sends the latest event again, at once and with a new schedule.",
    ],
    examples: [
      {
        language: "javascript",
        title: "JavaScript: a receiver",
        code: `import { createHmac, timingSafeEqual } from "node:crypto"
import { createServer } from "node:http"

const key = Buffer.from(process.env.WEBHOOK_SECRET.replace("whsec_", ""), "base64")

function isGenuine(headers, body) {
  const { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signatures = "" } = headers
  if (!(Math.abs(Date.now() / 1000 - Number(timestamp)) < 300)) return false
  const expected = createHmac("sha256", key).update(id + "." + timestamp + ".").update(body).digest()
  return signatures.split(" ").some((signature) => {
    const given = Buffer.from(signature.replace("v1,", ""), "base64")
    return signature.startsWith("v1,") && given.length === expected.length && timingSafeEqual(given, expected)
  })
}

createServer(async (request, response) => {
  const body = Buffer.concat(await request.toArray())
  if (!isGenuine(request.headers, body)) return response.writeHead(401).end()
  response.writeHead(204).end()
  const { type, data } = JSON.parse(body)
  console.log(type, data.id, data.predictions?.[0]?.label)
}).listen(Number(process.env.PORT), "127.0.0.1")`,
      },
      {
        language: "python",
        title: "Python, standard library: a receiver",
        code: `import base64, hashlib, hmac, json, os, time
from http.server import BaseHTTPRequestHandler, HTTPServer

KEY = base64.b64decode(os.environ["WEBHOOK_SECRET"].removeprefix("whsec_"))

def is_genuine(headers, body):
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not timestamp.isdigit() or abs(time.time() - int(timestamp)) > 300:
        return False
    signed = f"{message_id}.{timestamp}.".encode() + body
    expected = b"v1," + base64.b64encode(hmac.digest(KEY, signed, "sha256"))
    given = headers.get("webhook-signature", "").encode().split()
    return any(hmac.compare_digest(expected, signature) for signature in given)

class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        genuine = is_genuine(self.headers, body)
        self.send_response(204 if genuine else 401)
        self.end_headers()
        if genuine:
            event = json.loads(body)
            print(event["type"], event["data"]["id"], flush=True)

HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Receiver).serve_forever()`,
      },
      {
        language: "sh",
        title: "curl: request a webhook",
        code: `curl -sS --fail-with-body -F image=@picture.jpg -F "webhook_url=$WEBHOOK_URL" \\
  {origin}/v1/classifications`,
      },
    ],
  },
]
