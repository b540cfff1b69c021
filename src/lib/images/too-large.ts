import { AppError } from "../app-error.ts"

/** MAX_IMAGE_BYTES, unless it is set. */
export const DEFAULT_MAX_IMAGE_BYTES = 8_000_000

/**
 * Refuses an image for its bytes, with what it has, the limit and the setting that holds it.
 * @param bytes undefined if only known to exceed the limit
 */
export function imageTooLarge(maxBytes: number, bytes?: number): AppError {
  const limit = `${inMegabytes(maxBytes)} (MAX_IMAGE_BYTES)`
  const has = bytes === undefined ? `more than the limit, ${limit}` : `${inMegabytes(bytes)}, and the limit is ${limit}`
  return new AppError("image_too_large", `Cannot accept the image: it has ${has}`)
}

export function listTooLarge(maxBytes: number): AppError {
  return new AppError(
    "list_too_large",
    `Cannot accept the list: it has more than ${inMegabytes(maxBytes)} (MAX_BATCH_BYTES)`,
  )
}

/** Decimal, as the settings count: "9.21 MB". Rounded up, so that what is over a limit never reads like the limit. */
function inMegabytes(bytes: number): string {
  const [amount, unit] = bytes < 1e5 ? [bytes / 1e3, "kB"] : [bytes / 1e6, "MB"]
  return `${Math.ceil(amount * 100 - 1e-9) / 100} ${unit}`
}
