/** A list as one request. */
export const BATCH_GUIDE = {
  id: "batch",
  title: "Submit a list",
  text: [
    "A list is CSV, TSV, JSON Lines or a JSON array of up to 100,000 rows, with a column named like `url` or `image_url`. You get one ticket and one table of results, in the order of the list, with your other columns.",
    "The classifier fetches the images: by https from public addresses, and from others if the operator allows them. A list with invalid rows is refused, and the response names them; `on_invalid=skip` accepts the other rows.",
    "Options go in the query: `operation`, `model`, `top_k`, `batch_size`, `webhook_url`, … You can read rows while the batch runs: continue with `Next-After` until `Results-Complete` is true.",
    "When the batch is done, `POST /v1/batches/{id}/retry` submits its failed rows again, as a new batch.",
  ],
  examples: [
    {
      language: "sh",
      title: "curl",
      code: `curl -sS --fail-with-body -o batch.json --data-binary @pictures.csv \\
  -H 'content-type: text/csv' '{origin}/v1/batches?top_k=3'
id=$(sed 's/.*"id":"\\(bat_[^"]*\\)".*/\\1/' batch.json)
until grep -q '"done":true' batch.json; do
  sleep "$(sed 's/.*"poll_after_ms":\\([0-9]*\\).*/\\1/' batch.json | awk '{ print $1 / 1000 }')"
  curl -sS --fail-with-body -o batch.json "{origin}/v1/batches/$id"
done
curl -sS --fail-with-body "{origin}/v1/batches/$id/results?format=csv"`,
    },
    {
      language: "javascript",
      title: "JavaScript",
      code: `import { readFile } from "node:fs/promises"

const ask = async (path, init) => {
  const response = await fetch("{origin}" + path, init)
  if (!response.ok) throw new Error(response.status + " " + (await response.text()))
  return response
}

const list = { method: "POST", headers: { "content-type": "text/csv" }, body: await readFile("pictures.csv") }
let ticket = await (await ask("/v1/batches?top_k=3", list)).json()
while (!ticket.done) {
  await new Promise((resolve) => setTimeout(resolve, ticket.poll_after_ms))
  ticket = await (await ask("/v1/batches/" + ticket.id)).json()
}
const lines = (await (await ask("/v1/batches/" + ticket.id + "/results?format=jsonl")).text()).trim().split("\\n")
for (const { row, results } of lines.map((line) => JSON.parse(line))) {
  for (const { status, predictions } of results) console.log(row, status, predictions?.[0]?.label)
}`,
    },
    {
      language: "python",
      title: "Python, standard library",
      code: `import json, time
from urllib.request import Request, urlopen

def ask(path, data=None, headers={}):
    with urlopen(Request("{origin}" + path, data=data, headers=headers)) as response:
        return response.read().decode()

with open("pictures.csv", "rb") as file:
    ticket = json.loads(ask("/v1/batches?top_k=3", file.read(), {"content-type": "text/csv"}))
while not ticket["done"]:
    time.sleep(ticket["poll_after_ms"] / 1000)
    ticket = json.loads(ask("/v1/batches/" + ticket["id"]))
for line in ask(f"/v1/batches/{ticket['id']}/results?format=jsonl").splitlines():
    row = json.loads(line)
    for result in row["results"]:
        print(row["row"], result["status"], result.get("predictions", [{}])[0].get("label"))`,
    },
  ],
} as const
