import type { CutModel, ModelJson, NewLayer } from "./saved-model.ts"

type GraphNode = { name: string; op: string; input?: string[]; attr?: Record<string, unknown> }

/** What may stand between the last dense layer and the output. */
const AFTER = new Set([
  "Softmax",
  "LogSoftmax",
  "Sigmoid",
  "Identity",
  "Reshape",
  "Squeeze",
  "BiasAdd",
  "Add",
  "AddV2",
  "Cast",
])
const DENSE = new Set(["MatMul", "_FusedMatMul"])
const NEW = {
  kernel: "trained/kernel",
  bias: "trained/bias",
  logits: "trained/logits",
  output: "trained/probabilities",
}

/** A graph model that ends where its last dense layer begins, with another such layer. @throws RangeError */
export function cutGraph(json: ModelJson, { classes, features: length }: NewLayer): CutModel {
  const nodes = json.modelTopology.node as GraphNode[]
  const byName = new Map(nodes.map((node) => [node.name, node]))
  const at = (input: string | undefined) => byName.get(nameOf(input ?? ""))
  let last = at(outputOf(json, nodes))
  while (last && AFTER.has(last.op)) last = last.input?.map(at).find((node) => node && node.op !== "Const")
  if (!last || !DENSE.has(last.op)) {
    throw new RangeError(
      `Cannot replace the last layer: the graph ends in ${last?.op ?? "nothing"}, not in a dense layer`,
    )
  }
  const features = last.input?.[0] ?? ""
  const keeps = reachedFrom(features, byName)
  const float = { type: "DT_FLOAT" }
  const constant = (name: string, sizes: number[]): GraphNode => {
    const tensorShape = { dim: sizes.map((size) => ({ size: String(size) })) }
    return {
      name,
      op: "Const",
      input: [],
      attr: { dtype: float, value: { tensor: { dtype: "DT_FLOAT", tensorShape } } },
    }
  }
  const added: GraphNode[] = [
    constant(NEW.kernel, [length ?? 0, classes]),
    constant(NEW.bias, [classes]),
    {
      name: NEW.logits,
      op: "_FusedMatMul",
      input: [features, NEW.kernel, NEW.bias],
      attr: {
        T: float,
        transpose_a: { b: false },
        transpose_b: { b: false },
        fused_ops: { list: { s: [btoa("BiasAdd")] } },
        num_args: { i: "1" },
      },
    },
    { name: NEW.output, op: "Softmax", input: [NEW.logits], attr: { T: float } },
  ]
  const node = [...nodes.filter(({ name }) => keeps.has(name)), ...added]
  const dim = [{ size: "-1" }, { size: String(classes) }]
  const outputs = { probabilities: { name: `${NEW.output}:0`, dtype: "DT_FLOAT", tensorShape: { dim } } }
  const { signature } = json
  return {
    json: {
      ...json,
      ...(isObject(signature) && { signature: { ...signature, outputs } }),
      modelTopology: { ...json.modelTopology, node },
    },
    keeps: (weight) => keeps.has(weight),
    kernel: NEW.kernel,
    bias: NEW.bias,
  }
}

/** The node's name in "name:0" and "^name". */
const nameOf = (input: string) => input.replace(/^\^/, "").replace(/:\d+$/, "")

function outputOf({ signature }: ModelJson, nodes: readonly GraphNode[]): string {
  const named = isObject(signature) && isObject(signature.outputs) ? Object.values(signature.outputs) : []
  const consumed = new Set(nodes.flatMap(({ input = [] }) => input.map(nameOf)))
  const leaves = nodes.filter(({ name }) => !consumed.has(name)).map(({ name }) => ({ name }))
  const [output, ...more] = named.length > 0 ? named : leaves
  if (more.length > 0 || !isObject(output)) {
    throw new RangeError("Cannot replace the last layer: the graph has several outputs")
  }
  return String(output.name)
}

function reachedFrom(start: string, byName: ReadonlyMap<string, GraphNode>): Set<string> {
  const reached = new Set<string>()
  const open = [nameOf(start)]
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (reached.has(name)) continue
    reached.add(name)
    open.push(...(byName.get(name)?.input ?? []).map(nameOf))
  }
  return reached
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null
}
