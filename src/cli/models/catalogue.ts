/** A model that can be pulled by name. Adding one is adding a row. */
export type CatalogueRow = {
  /** Becomes its folder's name, and so its id. */
  name: string
  title: string
  /** The TF.js model file, below the publisher's address. */
  path: string
  /** About how much is fetched, to be told before it is known. */
  aboutBytes: number
  licence: string
  /** ImageNet's 1,000 classes in their usual order, with or without a first class for none of them. */
  labels: "imagenet" | "background+imagenet"
  /** What claimcheck.json is to say; what it leaves out is found out from the model. */
  settings: { input?: object; resize?: object; output?: "probabilities" | "logits" }
}

/** The storage bucket of the TensorFlow.js team. */
export const PUBLISHER = "https://storage.googleapis.com/tfjs-models/"

export const CATALOGUE: readonly CatalogueRow[] = [
  {
    name: "mobilenet_v2",
    title: "MobileNetV2 1.0, 224 px: 1,001 ImageNet classes, graph model",
    path: "savedmodel/mobilenet_v2_1.0_224/model.json",
    aboutBytes: 14_200_000,
    licence: "Apache-2.0",
    labels: "background+imagenet",
    settings: {},
  },
  {
    name: "mobilenet_v1_025",
    title: "MobileNetV1 0.25, 224 px: 1,000 ImageNet classes, small and quick, layers model",
    path: "tfjs/mobilenet_v1_0.25_224/model.json",
    aboutBytes: 1_900_000,
    licence: "Apache-2.0",
    labels: "imagenet",
    settings: { input: { mean: 127.5, std: 127.5 }, output: "probabilities" },
  },
]
