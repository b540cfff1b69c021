import type { Command } from "commander"
import { interruptible } from "../interrupted.ts"
import { print } from "../terminal/terminal.ts"
import { withAdmin } from "./open-admin.ts"

const REACH = `
It connects to the Redis of the local stack, or to UPSTASH_REDIS_REST_URL with UPSTASH_REDIS_REST_TOKEN.`

export function addPauseCommands(program: Command): void {
  program
    .command("pause")
    .summary("pause the queue; uploads are still accepted")
    .description("Let classifiers claim no more jobs. They finish claimed jobs, and uploads are still accepted.")
    .addHelpText("after", `${REACH}\nThe pause lasts until \`claimcheck resume\`, across restarts.`)
    .action(() =>
      interruptible(() =>
        withAdmin(async ({ operator }) => {
          await operator.pause()
          print("Paused: classifiers finish their claimed jobs and claim no more. Continue with: claimcheck resume")
        }),
      ),
    )
  program
    .command("resume")
    .summary("resume a paused queue")
    .description("Let classifiers claim again after a pause.")
    .addHelpText("after", REACH)
    .action(() =>
      interruptible(() =>
        withAdmin(async ({ operator }) => {
          await operator.resume()
          print("Resumed: classifiers claim again.")
        }),
      ),
    )
}
