import { AppError } from "../../lib/app-error.ts"
import { type Codec, refuseDecodeBytes } from "./codec.ts"
import { decodeJpeg, jpegDecodeBytes } from "./jpeg.ts"
import { refuseManyScans } from "./jpeg-frame.ts"
import { decodePng } from "./png.ts"

const DECODERS = { jpeg: decodeJpeg, png: decodePng }

/** JPEG and PNG in plain JavaScript, which runs wherever Node does. */
export const portableCodec: Codec = {
  name: "portable",
  formats: ["jpeg", "png"],
  decode: async (bytes, header, limits) => {
    const { format, orientation } = header
    if (format !== "jpeg" && format !== "png") {
      throw new AppError("unsupported_image", `Cannot decode image: ${format} is not read by the portable codec`)
    }
    if (format === "jpeg") {
      refuseManyScans(bytes, header)
      refuseDecodeBytes(header, jpegDecodeBytes(bytes, header), limits.maxDecodeBytes)
    }
    const image = DECODERS[format](bytes, limits)
    // A header can lie: the decoder read its own.
    if (image.width !== header.width || image.height !== header.height) {
      throw new AppError("invalid_image", "Cannot decode image: its header and its content differ in size")
    }
    return { ...image, orientation }
  },
}
