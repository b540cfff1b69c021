import { Album } from "./album/album.ts"
import { Follower } from "./album/follow.ts"
import { type History, openForgetfulHistory, openHistory } from "./album/history.ts"
import { Images } from "./album/images.ts"
import { isDone, type Picture } from "./album/picture.ts"
import { Access } from "./api/access.ts"
import { Edge, type Trouble } from "./api/edge.ts"
import { watchQueue } from "./api/watch-queue.ts"
import { openBatchHistory, openForgetfulBatchHistory } from "./batches/batch-history.ts"
import { showBatches } from "./batches/show-batches.ts"
import { byId } from "./browser/element.ts"
import { takeFiles } from "./controls/intake.ts"
import { createKeyForm } from "./controls/key-form.ts"
import { ModelChoice } from "./controls/model-choice.ts"
import { QueueView } from "./controls/queue-view.ts"
import { showSamples } from "./controls/sample-list.ts"
import { announceProgress } from "./sheet/announcer.ts"
import { showSheetHead } from "./sheet/sheet-head.ts"
import { SheetView } from "./sheet/sheet-view.ts"
import { TicketView } from "./sheet/ticket-view.ts"

const TROUBLE: Record<NonNullable<Trouble>, string> = {
  unreachable: "The server cannot be reached. Trying again …",
  busy: "The server is busy. Trying again …",
}

async function main(): Promise<void> {
  const notice = createNotice()
  const access = new Access(() => keyForm.render())
  const keyForm = createKeyForm(access)
  const edge = new Edge(access, (trouble) => notice.trouble(trouble))
  const album = new Album(await openHistory().catch(forget))
  const images = new Images(album)
  const follower = new Follower(album, edge)
  const models = new ModelChoice()
  const { batches, take: takeLists } = showBatches(edge, {
    history: await openBatchHistory().catch(openForgetfulBatchHistory),
    modelNow: () => models.value,
  })

  const cancel = (pictures: readonly Picture[]) => {
    for (const picture of pictures) void follower.cancel(picture)
  }
  const ticket = new TicketView(album, images, {
    cancel: (picture) => void follower.cancel(picture),
    retry: (picture) => void follower.retry(picture),
    remove: ({ id }) => {
      const order = sheet.order
      const next = order[order.indexOf(id) + 1] ?? order[order.indexOf(id) - 1] ?? null
      album.remove([id])
      select(next)
    },
  })
  const select = (id: string | null) => {
    sheet.select(id)
    ticket.show(id)
  }
  const sheet = new SheetView(album, images, (id, { byHand }) => {
    select(id)
    if (byHand) ticket.focus()
  })
  showSheetHead(album, {
    cancel,
    clear: () => {
      cancel(album.pictures)
      album.remove(album.pictures.map(({ id }) => id))
    },
  })
  announceProgress(album)

  const follow = (pictures: readonly Picture[]) => {
    for (const picture of pictures) void follower.follow(picture)
    queue.look()
  }
  const take = async (given: (File | URL)[]) => {
    notice.say("")
    const pictures = await album.add(given, { model: models.value, nowMs: Date.now() })
    select((pictures.find((picture) => !isDone(picture)) ?? pictures[0])?.id ?? null)
    ticket.reveal()
    follow(pictures)
  }
  const queueView = new QueueView()
  const queue = watchQueue(edge, {
    isBusy: () => batches.isBusy || album.pictures.some((picture) => !isDone(picture)),
    seen: (stats) => {
      queueView.show(stats)
      album.queueSeen(stats)
      const served = stats.models.filter(({ classifiers }) => classifiers > 0).map(({ id }) => id)
      models.refresh(edge, served).catch(() => undefined) // The next poll repeats it.
    },
    away: () => queueView.showAway(),
  })
  takeFiles({
    pictures: (given) => void take(given),
    lists: (files) => {
      notice.say("")
      takeLists(files)
    },
  })
  void showSamples((files) => void take(files)).catch(() => notice.say("The samples could not be loaded."))

  const kept = await album.load()
  select(kept[0]?.id ?? null)
  follow(kept.filter((picture) => !isDone(picture)))
  await batches.load()
}

/** In private windows and with strict settings nothing is stored, and the page says so. */
function forget(): History {
  byId("kept-note").textContent = "This browser stores nothing: pictures are lost when you close the page."
  return openForgetfulHistory()
}

/** The notice at the top of the page. Connection problems clear themselves; other sentences stay until the next action. */
function createNotice() {
  const line = byId("notice")
  let [sentence, trouble]: [string, Trouble] = ["", null]
  const render = () => {
    const text = trouble === null ? sentence : TROUBLE[trouble]
    if (line.textContent !== text) line.textContent = text
  }
  return {
    say: (next: string) => {
      sentence = next
      render()
    },
    trouble: (next: Trouble) => {
      trouble = next
      render()
    },
  }
}

void main()
