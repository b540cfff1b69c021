import { BATCH_GUIDE } from "./batch-guide.ts"

export type Example = {
  /** What the tests run it with. */
  language: "sh" | "javascript" | "python"
  title: string
  code: string
}
export type Guide = { id: string; title: string; text: readonly string[]; examples: readonly Example[] }

/** What one reads first. `{origin}` stands for the address that the page came from. The tests run every example. */
export const GUIDES: readonly Guide[] = [
  {
    id: "submit",
    title: "Submit a picture",
    text: [
      "Send the bytes of an image as they are. The answer is a ticket, 202, or 200 if it is done already because the same picture was asked about before.",
      "Where an API key is needed, send `Authorization: Bearer <key>` with every request. Options stand in the query: `?top_k=3`. A form with the file field `image` does as well.",
      'A picture that is elsewhere is named: `{"image_url": "https://…"}` as JSON, `claimcheck.submit({ imageUrl })` with the client. A classifier fetches it; what cannot be fetched fails its ticket and says why.',
      "Under an `Idempotency-Key` a request can be sent again after a lost reply: it is the same ticket.",
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
    title: "Poll, when the server says so",
    text: [
      "Loop until `done` is true, whatever the `status` is called. Between two questions wait for `poll_after_ms`, which every answer carries also as the header `Poll-After-Ms`, and in whole seconds as `Retry-After`: it comes from the queue's length and speed, so that most tickets need one question.",
      "`Prefer: wait=10` holds an answer back until the ticket is done, for up to 10 of at most 30 seconds. The answer comes earlier, and without `Preference-Applied`, where the wait is in vain: at once where the queue is too long for it, after two seconds where no classifier is there. With `If-None-Match: <ETag>` an unchanged ticket is a 304 without a body.",
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
        title: "JavaScript, with the client: it polls, and tries again what is safe to try again",
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
    title: "Many files of your own",
    text: [
      "Submit all pictures first, a few at the same time, and only then collect: the queue works while you upload. Keep the ids; they are all that is needed to go on after a restart.",
      "429 and 503 mean that there is too much for now: wait for `Retry-After` seconds and send the same request again, under the same `Idempotency-Key`. The key may be made from the file's name and content, so that a second run of the whole loop costs nothing.",
    ],
    examples: [
      {
        language: "sh",
        title: "curl and xargs: four at the same time",
        code: `ls *.jpg | xargs -P 4 -I {} curl -sS --fail-with-body --retry 5 \\
  --data-binary @{} -H 'content-type: image/jpeg' -H 'prefer: wait=30' \\
  -o {}.json {origin}/v1/classifications
grep -L '"done":true' *.jpg.json  # what took longer than half a minute`,
      },
      {
        language: "javascript",
        title: "JavaScript, with the client: it waits out 429 and 503 by itself",
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
    title: "Be called back, and verify who calls",
    text: [
      "With `webhook_url` the finished ticket is sent to you as `{type, timestamp, data}`, where `data` is the ticket, or that of a batch. It is signed after the Standard Webhooks specification. The secret starts with `whsec_`: `claimcheck webhook secret` prints that of the stack on your machine; for others, ask who runs them.",
      "Verify before you believe: the signature is an HMAC-SHA256 over `id.timestamp.body`, the body byte for byte as it came. Refuse timestamps that are more than five minutes off. The same `webhook-id` may come twice: do its work once. Answer 2xx soon; anything else is tried again for about three days.",
      "`GET /v1/classifications/{id}/deliveries`, for a batch `GET /v1/batches/{id}/deliveries`, lists every attempt; `POST` there sends the latest event again.",
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
        title: "curl: ask to be called back",
        code: `curl -sS --fail-with-body -F image=@picture.jpg -F "webhook_url=$WEBHOOK_URL" \\
  {origin}/v1/classifications`,
      },
    ],
  },
]
