import { compileScripts } from "./lua/compile-scripts.ts"
import { buildPage } from "./page/build-page.ts"
import { writeModule } from "./write-module.ts"

/** `npm run generate` writes the modules that git ignores: the Lua scripts, and the files of the page. */
writeModule("src/lib/redis/scripts.ts", compileScripts("src/lib"))
writeModule("src/edge/page/page-files.ts", await buildPage())
