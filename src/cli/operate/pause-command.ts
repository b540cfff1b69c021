import type { Command } from "commander"
import { interruptible } from "../interrupted.ts"
import { print } from "../terminal.ts"
import { withOperator } from "./open-operator.ts"

const REACH = `
It talks to the queue's Redis: that of the stack on this machine, or UPSTASH_REDIS_REST_URL and UPSTASH_REDIS_REST_TOKEN.`

export function addPauseCommands(program: Command): void {
  program
    .command("pause")
    .summary("stop working on the queue; uploads are still accepted")
    .description("Let classifiers claim nothing more. What they have in hand is finished; uploads are still accepted.")
    .addHelpText("after", `${REACH}\nIt lasts until \`claimcheck resume\`, whatever is restarted.`)
    .action(() =>
      interruptible(() =>
        withOperator(async ({ operator }) => {
          await operator.pause()
          print(
            "Paused: classifiers finish what they have in hand and claim nothing more. Go on with: claimcheck resume",
          )
        }),
      ),
    )
  program
    .command("resume")
    .summary("go on after a pause")
    .description("Let classifiers claim again after a pause.")
    .addHelpText("after", REACH)
    .action(() =>
      interruptible(() =>
        withOperator(async ({ operator }) => {
          await operator.resume()
          print("Resumed: classifiers claim again.")
        }),
      ),
    )
}
