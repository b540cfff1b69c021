import { type Command, commandName } from "../command.ts"

/** Commands that change or block the shared connection, or manage the server. Upstash refuses them over REST, too. */
const REFUSED = new Set(
  `SUBSCRIBE UNSUBSCRIBE PSUBSCRIBE PUNSUBSCRIBE SSUBSCRIBE SUNSUBSCRIBE MONITOR SYNC PSYNC REPLCONF
   MULTI EXEC DISCARD WATCH UNWATCH SELECT AUTH HELLO CLIENT QUIT RESET ASKING READONLY READWRITE
   BLPOP BRPOP BLMOVE BLMPOP BRPOPLPUSH BZPOPMIN BZPOPMAX BZMPOP WAIT WAITAOF
   SHUTDOWN CONFIG DEBUG MODULE ACL CLUSTER FAILOVER REPLICAOF SLAVEOF SAVE BGSAVE BGREWRITEAOF
   MIGRATE SWAPDB MOVE RESTORE-ASKING PFDEBUG PFSELFTEST`.split(/\s+/),
)

/** The error text for a command that may not run through the gateway, or null for one that may. */
export function refusalOf(command: Command): string | null {
  const name = commandName(command)
  if (REFUSED.has(name)) return `ERR Command is not available: '${name}'`
  if ((name === "XREAD" || name === "XREADGROUP") && hasBlockOption(command)) {
    return `ERR Command is not available: '${name} BLOCK'`
  }
  if (name === "SCRIPT" && String(command[1]).toUpperCase() === "DEBUG") {
    return "ERR Command is not available: 'SCRIPT DEBUG'"
  }
  return null
}

/** Reads the options in their order, since a group, a consumer or a stream may be named BLOCK. */
function hasBlockOption(command: Command): boolean {
  for (let i = 1; i < command.length; i++) {
    switch (String(command[i]).toUpperCase()) {
      case "BLOCK":
        return true
      case "STREAMS":
        return false
      case "COUNT":
        i += 1
        break
      case "GROUP":
        i += 2
        break
    }
  }
  return false
}
