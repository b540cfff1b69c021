import {
  type LayersModel,
  layers,
  model as modelOf,
  input as newInput,
  type SymbolicTensor,
  tensor,
} from "@tensorflow/tfjs"

/** Small networks with the blocks of well-known families, and weights made up: the kernels are what counts. */

type Block = (x: SymbolicTensor) => SymbolicTensor

const chain =
  (...blocks: Block[]): Block =>
  (x) =>
    blocks.reduce((value, block) => block(value), x)
/** A layer of its own for each network. */
const apply =
  (layer: () => { apply: (x: SymbolicTensor) => unknown }): Block =>
  (x) =>
    layer().apply(x) as SymbolicTensor
const activation = (name: "relu" | "relu6" | "sigmoid" | "elu" | "tanh" | "softplus") =>
  apply(() => layers.activation({ activation: name }))
const batchNorm: Block = (x) => apply(() => layers.batchNormalization({}))(x)
const relu6: Block = (x) => apply(() => layers.reLU({ maxValue: 6 }))(x)
const relu: Block = (x) => activation("relu")(x)

type ConvOptions = {
  kernelSize?: number
  strides?: number
  padding?: "same" | "valid"
  dilationRate?: number
  useBias?: boolean
}

const conv =
  (filters: number, { kernelSize = 3, useBias = false, padding = "same", ...rest }: ConvOptions = {}): Block =>
  (x) =>
    apply(() => layers.conv2d({ filters, kernelSize, useBias, padding, ...rest }))(x)
const depthwise =
  ({ kernelSize = 3, useBias = false, padding = "same", ...rest }: ConvOptions = {}): Block =>
  (x) =>
    apply(() => layers.depthwiseConv2d({ kernelSize, useBias, padding, ...rest }))(x)
const convRelu = (filters: number, options?: ConvOptions) => chain(conv(filters, options), batchNorm, relu)
const add =
  (one: Block, other: Block): Block =>
  (x) =>
    layers.add().apply([one(x), other(x)]) as SymbolicTensor
const multiply =
  (one: Block, other: Block): Block =>
  (x) =>
    layers.multiply().apply([one(x), other(x)]) as SymbolicTensor
const concat =
  (...blocks: Block[]): Block =>
  (x) =>
    layers.concatenate().apply(blocks.map((block) => block(x))) as SymbolicTensor
const same: Block = (x) => x
const mean: Block = (x) => apply(() => layers.globalAveragePooling2d({}))(x)
const reshape =
  (...targetShape: number[]): Block =>
  (x) =>
    apply(() => layers.reshape({ targetShape }))(x)
const dense =
  (units: number, name?: "softmax" | "relu"): Block =>
  (x) =>
    apply(() => layers.dense({ units, ...(name && { activation: name }) }))(x)
const maxPool =
  (poolSize: number, strides: number, padding: "same" | "valid" = "same"): Block =>
  (x) =>
    apply(() => layers.maxPooling2d({ poolSize, strides, padding }))(x)
const averagePool =
  (poolSize: number, strides: number, padding: "same" | "valid" = "valid"): Block =>
  (x) =>
    apply(() => layers.averagePooling2d({ poolSize, strides, padding }))(x)
const pad =
  (padding: number | [[number, number], [number, number]]): Block =>
  (x) =>
    apply(() => layers.zeroPadding2d({ padding: typeof padding === "number" ? [padding, padding] : padding }))(x)

const head = chain(mean, dense(CLASSES(), "softmax"))
/** Squeeze and excitation, of 16 channels. */
const squeeze = multiply(
  same,
  chain(
    mean,
    reshape(1, 1, 16),
    conv(4, { kernelSize: 1, useBias: true }),
    relu,
    conv(16, { kernelSize: 1, useBias: true }),
    activation("sigmoid"),
  ),
)
const swish = multiply(same, activation("sigmoid"))
/** x × relu6(x + 3) / 6, as Keras builds it: the sum and the quotient are layers with constants. */
const hardSwish = multiply(
  same,
  chain(
    apply(() => layers.rescaling({ scale: 1, offset: 3 }) as never),
    relu6,
    apply(() => layers.rescaling({ scale: 1 / 6 }) as never),
  ),
)

const inverted = chain(
  conv(16, { kernelSize: 1 }),
  batchNorm,
  relu6,
  depthwise(),
  batchNorm,
  relu6,
  conv(8, { kernelSize: 1 }),
  batchNorm,
)
const fire = chain(
  conv(4, { kernelSize: 1, useBias: true }),
  relu,
  concat(chain(conv(8, { kernelSize: 1, useBias: true }), relu), chain(conv(8, { useBias: true }), relu)),
)
const denseBlock = concat(same, chain(batchNorm, relu, conv(8, { kernelSize: 1 }), batchNorm, relu, conv(4)))
/** Of 16 channels in two groups. */
const shuffle: Block = (x) => {
  const [, height = 1, width = 1] = x.shape as number[]
  const turn = apply(() => layers.permute({ dims: [1, 2, 4, 3] }))
  return chain(reshape(height, width, 2, 8), turn, reshape(height, width, 16))(x)
}

function CLASSES(): number {
  return 5
}

const FAMILIES: Record<string, Block> = {
  "MobileNet v1": chain(
    pad([
      [0, 1],
      [0, 1],
    ]),
    conv(8, { strides: 2, padding: "valid" }),
    batchNorm,
    relu6,
    depthwise(),
    batchNorm,
    relu6,
    conv(16, { kernelSize: 1 }),
    batchNorm,
    relu6,
    mean,
    reshape(1, 1, 16),
    conv(CLASSES(), { kernelSize: 1, useBias: true }),
    reshape(CLASSES()),
    apply(() => layers.softmax({})),
  ),
  "MobileNet v2": chain(
    conv(8, { strides: 2 }),
    batchNorm,
    relu6,
    add(same, inverted),
    pad([
      [0, 1],
      [0, 1],
    ]),
    depthwise({ strides: 2, padding: "valid" }),
    batchNorm,
    relu6,
    head,
  ),
  "MobileNet v3": chain(
    conv(16, { strides: 2 }),
    batchNorm,
    hardSwish,
    depthwise({ kernelSize: 5 }),
    batchNorm,
    squeeze,
    hardSwish,
    head,
  ),
  EfficientNet: chain(
    conv(16, { strides: 2 }),
    batchNorm,
    swish,
    depthwise({ kernelSize: 5 }),
    batchNorm,
    swish,
    squeeze,
    conv(8, { kernelSize: 1 }),
    batchNorm,
    head,
  ),
  ResNet: chain(
    pad(3),
    conv(8, { kernelSize: 7, strides: 2, padding: "valid", useBias: true }),
    batchNorm,
    relu,
    pad(1),
    maxPool(3, 2, "valid"),
    add(
      chain(conv(16, { kernelSize: 1 }), batchNorm),
      chain(convRelu(8, { kernelSize: 1 }), convRelu(8), conv(16, { kernelSize: 1 }), batchNorm),
    ),
    relu,
    head,
  ),
  DenseNet: chain(
    conv(8, { strides: 2 }),
    denseBlock,
    denseBlock,
    batchNorm,
    relu,
    conv(8, { kernelSize: 1 }),
    averagePool(2, 2),
    denseBlock,
    batchNorm,
    relu,
    head,
  ),
  Inception: chain(
    convRelu(8, { strides: 2, padding: "valid" }),
    concat(
      convRelu(4, { kernelSize: 1 }),
      chain(convRelu(4, { kernelSize: 1 }), convRelu(8)),
      chain(averagePool(3, 1, "same"), convRelu(4, { kernelSize: 1 })),
      maxPool(3, 1),
    ),
    head,
  ),
  SqueezeNet: chain(
    conv(8, { strides: 2, padding: "valid", useBias: true }),
    relu,
    maxPool(3, 2, "valid"),
    fire,
    fire,
    conv(CLASSES(), { kernelSize: 1, useBias: true }),
    relu,
    mean,
    apply(() => layers.softmax({})),
  ),
  ShuffleNet: chain(
    convRelu(16, { strides: 2 }),
    shuffle,
    add(
      same,
      chain(
        conv(16, { kernelSize: 1 }),
        batchNorm,
        shuffle,
        depthwise(),
        batchNorm,
        conv(16, { kernelSize: 1 }),
        batchNorm,
      ),
    ),
    relu,
    head,
  ),
  Xception: chain(
    conv(8, { strides: 2 }),
    batchNorm,
    relu,
    (x) =>
      apply(() =>
        layers.separableConv2d({ filters: 16, kernelSize: 3, padding: "same", useBias: false, depthMultiplier: 2 }),
      )(x),
    batchNorm,
    relu,
    depthwise({ dilationRate: 2 }),
    batchNorm,
    activation("elu"),
    head,
  ),
  VGG: chain(
    conv(8, { useBias: true }),
    relu,
    conv(8, { useBias: true }),
    relu,
    maxPool(2, 2),
    conv(8, { useBias: true }),
    relu,
    maxPool(2, 2),
    apply(() => layers.flatten({})),
    dense(16, "relu"),
    dense(CLASSES(), "softmax"),
  ),
  Darknet: chain(
    conv(8, { strides: 2 }),
    batchNorm,
    apply(() => layers.leakyReLU({ alpha: 0.1 })),
    conv(16),
    batchNorm,
    apply(() => layers.leakyReLU({ alpha: 0.1 })),
    activation("tanh"),
    maxPool(2, 2),
    head,
  ),
}

export const FAMILY_NAMES = Object.keys(FAMILIES)

/** A network of a family. */
export function familyModel(name: string, sidePx = 16): LayersModel {
  const block = FAMILIES[name]
  if (!block) throw new Error(`There is no family ${name}`)
  const image = newInput({ shape: [sidePx, sidePx, 3] })
  const network = modelOf({ inputs: image, outputs: block(image) })
  let state = 7
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
  network.setWeights(
    network.weights.map(({ originalName, shape }) => {
      const sides = shape.map((side) => side ?? 1)
      const size = sides.reduce((product, side) => product * side, 1)
      const spread = 1.6 / Math.sqrt(size / (sides.at(-1) ?? 1))
      // What a batch norm divides by, and multiplies with, is positive in any trained network.
      const isPositive = /variance|gamma/.test(originalName)
      return tensor(
        Float32Array.from({ length: size }, () =>
          isPositive ? 0.5 + random() : (random() * 2 - 1) * (sides.length > 1 ? spread * 2 : 0.3),
        ),
        sides,
      )
    }),
  )
  return network
}
