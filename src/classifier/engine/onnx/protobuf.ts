/** Writes messages in the Protocol Buffers wire format, as far as ONNX needs it (protobuf.dev/programming-guides/encoding). */
export class ProtoWriter {
  readonly #chunks: Uint8Array[] = []

  /** A whole number, as int32, int64 or an enum. */
  int(field: number, value: number): this {
    return this.#push(varint(field * 8), varint(value))
  }

  ints(field: number, values: readonly number[]): this {
    return this.bytes(field, Buffer.concat(values.map(varint)))
  }

  float(field: number, value: number): this {
    const bytes = Buffer.alloc(4)
    bytes.writeFloatLE(value)
    return this.#push(varint(field * 8 + 5), bytes)
  }

  string(field: number, text: string): this {
    return this.bytes(field, Buffer.from(text))
  }

  bytes(field: number, bytes: Uint8Array): this {
    return this.#push(varint(field * 8 + 2), varint(bytes.byteLength), bytes)
  }

  message(field: number, message: ProtoWriter): this {
    return this.bytes(field, message.end())
  }

  end(): Uint8Array {
    return Buffer.concat(this.#chunks)
  }

  #push(...chunks: Uint8Array[]): this {
    this.#chunks.push(...chunks)
    return this
  }
}

/** Seven bits a byte, the lowest first; a negative number as its 64 bits. */
function varint(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, BigInt(value))
  do {
    const low = Number(rest & 0x7fn)
    rest >>= 7n
    bytes.push(rest > 0n ? low | 0x80 : low)
  } while (rest > 0n)
  return Uint8Array.from(bytes)
}
