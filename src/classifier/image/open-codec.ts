import { ConfigError } from "../../lib/env.ts"
import type { Log } from "../../lib/log.ts"
import type { Codec, CodecName } from "./codec.ts"
import { loadSharp } from "./load-sharp.ts"
import { createNativeCodec } from "./native-codec.ts"
import { portableCodec } from "./portable-codec.ts"

/** Rejects when the codec cannot be loaded here. */
export async function openCodec(name: CodecName): Promise<Codec> {
  return name === "portable" ? portableCodec : createNativeCodec(await loadSharp())
}

/** The configured codec; by default the native one, or the portable one if that does not load.
 * @throws ConfigError */
export async function chooseCodec(asked: CodecName | undefined, log: Log): Promise<CodecName> {
  const wanted = asked ?? "native"
  try {
    return (await openCodec(wanted)).name
  } catch (error) {
    if (asked === undefined) {
      log.warn("codec.fallback", { codec: portableCodec.name, formats: portableCodec.formats, error })
      return portableCodec.name
    }
    throw new ConfigError("Cannot start: CODEC is native, and sharp's binary does not load here; set it to portable")
  }
}
