import { ProtoWriter } from "./protobuf.ts"

/** Of a node: whole numbers, a list of them, floats (`{ float }`), or text. */
export type Attribute = number | readonly number[] | string | { float: number }

// Numbers of onnx.proto (IR version 8), and of its enums.
const FLOAT = 1
const INT64 = 7
const OPSET = 13

/** A graph in the ONNX format, put together node by node. */
export class OnnxGraph {
  readonly #graph = new ProtoWriter()
  #count = 0

  /** Adds a node, and returns the name of its output. */
  add(op: string, inputs: readonly string[], attributes: Record<string, Attribute> = {}): string {
    const output = `v${this.#count++}`
    const node = new ProtoWriter()
    for (const input of inputs) node.string(1, input)
    node.string(2, output).string(4, op)
    for (const [name, value] of Object.entries(attributes)) node.message(5, attribute(name, value))
    this.#graph.message(1, node)
    return output
  }

  floats(shape: readonly number[], values: Float32Array): string {
    return this.#tensor(shape, FLOAT, new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
  }

  /** For inputs that are shapes, axes or positions. */
  ints(values: readonly number[]): string {
    const bytes = new Uint8Array(BigInt64Array.from(values, BigInt).buffer)
    return this.#tensor([values.length], INT64, bytes)
  }

  input(name: string, shape: readonly number[]): void {
    this.#graph.message(11, valueInfo(name, shape))
  }

  /** Names what a node has made, for who runs the graph. */
  output(name: string, value: string, shape: readonly number[]): void {
    this.#graph.message(1, new ProtoWriter().string(1, value).string(2, name).string(4, "Identity"))
    this.#graph.message(12, valueInfo(name, shape))
  }

  end(): Uint8Array {
    const opset = new ProtoWriter().string(1, "").int(2, OPSET)
    const model = new ProtoWriter().int(1, 8).string(2, "claimcheck")
    return model.message(7, this.#graph.string(2, "plan")).message(8, opset).end()
  }

  #tensor(shape: readonly number[], dataType: number, bytes: Uint8Array): string {
    const name = `c${this.#count++}`
    const tensor = new ProtoWriter().ints(1, shape).int(2, dataType).string(8, name).bytes(9, bytes)
    this.#graph.message(5, tensor)
    return name
  }
}

function attribute(name: string, value: Attribute): ProtoWriter {
  const proto = new ProtoWriter().string(1, name)
  if (typeof value === "number") return proto.int(3, value).int(20, 2)
  if (typeof value === "string") return proto.string(4, value).int(20, 3)
  if ("float" in value) return proto.float(2, value.float).int(20, 1)
  return proto.ints(8, value).int(20, 7)
}

function valueInfo(name: string, shape: readonly number[]): ProtoWriter {
  const sides = new ProtoWriter()
  for (const side of shape) sides.message(1, new ProtoWriter().int(1, side))
  const tensor = new ProtoWriter().int(1, FLOAT).message(2, sides)
  return new ProtoWriter().string(1, name).message(2, new ProtoWriter().message(1, tensor))
}
