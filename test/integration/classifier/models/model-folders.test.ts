import { mkdirSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { beforeAll, describe, expect, test } from "vitest"
import { factsOf } from "../../../../src/classifier/check/model-facts.ts"
import { type LoadedModel, loadModel } from "../../../../src/classifier/engine/tfjs/load-model.ts"
import { startWasm } from "../../../../src/classifier/engine/tfjs/start-wasm.ts"
import { newRoot, type TinyModelOptions, writeTinyModel } from "../../../support/models/tiny-model.ts"
import {
  type Files,
  graphModelFiles,
  type KerasOptions,
  kerasFiles,
  teachableMachineFiles,
  writeFiles,
} from "../../../support/models/tool-exports.ts"

beforeAll(startWasm)

const LABELS = "red\ngreen\nblue\n"
const tiny = (options: TinyModelOptions = {}) => join(writeTinyModel("tiny", options), "tiny")
const fresh = () => join(newRoot(), "m")
const whereOf = (model: LoadedModel) =>
  Object.fromEntries(factsOf(model).map(({ what, value, from }) => [what, { value, from }]))

/** The model's answer to a picture of one colour, given as it comes out of the normalisation. */
async function answer(model: LoadedModel, colour: readonly number[], language?: string): Promise<string | undefined> {
  // In the order in which fillInput() puts them.
  const values = model.channels === "bgr" ? colour.toReversed() : colour
  for (let at = 0; at < model.input.length; at += values.length) model.input.set(values, at)
  const scores = await model.predict()
  return model.labels(language)[scores.indexOf(Math.max(...scores))]
}

describe("a folder as its tool wrote it is served, and says where each fact came from:", () => {
  test("Teachable Machine", async () => {
    const model = await loadModel("tm", writeFiles(fresh(), await teachableMachineFiles()))
    expect(model.info).toMatchObject({ name: "colours", inputWidth: 16, inputHeight: 16, labels: 3 })
    expect(model.manifest).toMatchObject({ input: { mean: 127, std: 127 }, resize: { fit: "crop", crop_fraction: 1 } })
    expect(await answer(model, [-1, 1, -1])).toBe("grün")
    expect(whereOf(model)).toMatchObject({
      "made by": { value: "Teachable Machine" },
      input: { value: "16 × 16", from: "metadata.json: imageSize" },
      labels: { value: "3: rot, grün, blau", from: "metadata.json: labels" },
      output: { value: "probabilities", from: "warm-up" },
    })
  })

  test("Teachable Machine of 2020, without a size, and of a grey project", async () => {
    const old = { imageSize: undefined, tmVersion: "2.2.2", packageVersion: "0.8.4" }
    const model = await loadModel("tm", writeFiles(fresh(), await teachableMachineFiles(undefined, old)))
    expect(whereOf(model).input).toEqual({ value: "16 × 16", from: "model.json: input shape" })
    const grey = await loadModel("tm", writeFiles(fresh(), await teachableMachineFiles(undefined, { grayscale: true })))
    expect(grey.input).toHaveLength(16 * 16)
    expect(whereOf(grey).channels).toEqual({ value: "gray", from: "metadata.json: grayscale" })
    expect(await answer(grey, [1])).toBe("rot")
  })

  test("AutoML: labels in dict.txt", async () => {
    const files = { ...(await graphModelFiles()), "dict.txt": LABELS }
    const model = await loadModel("automl", writeFiles(fresh(), files))
    expect(model.manifest).toMatchObject({ input: { mean: 127.5, std: 127.5 }, resize: { crop_fraction: 1 } })
    expect(await answer(model, [-1, -1, 1])).toBe("blue")
    expect(whereOf(model)).toMatchObject({ "made by": { value: "AutoML" }, output: { value: "logits" } })
  })

  test("Custom Vision: blue first, 0 to 255", async () => {
    const manifest = JSON.stringify({
      DomainType: "Classification",
      ModelFileName: "model.json",
      LabelFileName: "labels.txt",
    })
    const files = { ...(await graphModelFiles()), "labels.txt": LABELS, "cvexport.manifest": manifest }
    const model = await loadModel("cv", writeFiles(fresh(), files))
    expect(model.manifest).toMatchObject({ input: { mean: 0, std: 1, channels: "bgr" }, resize: { crop_fraction: 1 } })
    // Red in the picture is what this network, which takes red first, is shown as blue.
    expect(await answer(model, [1, 0, 0])).toBe("blue")
  })

  test("Custom Vision with metadata of its own", async () => {
    const properties = {
      "Image.BitmapPixelFormat": "Rgb8",
      "Image.NominalPixelRange": "Normalized_0_1",
      "CustomVision.Preprocess.ResizeMethod": "Stretch",
      "CustomVision.Preprocess.TargetWidth": "8",
    }
    const files = {
      ...(await graphModelFiles()),
      "labels.txt": LABELS,
      "cvexport.manifest": JSON.stringify({ DomainType: "Classification" }),
      "metadata_properties.json": JSON.stringify(properties),
    }
    const model = await loadModel("cv", writeFiles(fresh(), files))
    expect(model.manifest).toMatchObject({ input: { mean: 0, std: 255, channels: "rgb" }, resize: { fit: "stretch" } })
    expect(await answer(model, [1, 0, 0])).toBe("red")
    expect(whereOf(model).channels).toEqual({ value: "rgb", from: "metadata_properties.json: Image.BitmapPixelFormat" })
  })

  test("tf.LayersModel.save(): a model file of another name", async () => {
    const { "model.json": json = "", "metadata.json": _, ...rest } = await teachableMachineFiles()
    const folder = writeFiles(fresh(), { ...rest, "my-model.json": json, "labels.txt": LABELS })
    expect((await loadModel("m", folder)).files.modelJson.file).toBe("my-model.json")
  })

  test.each<[string, KerasOptions]>([
    ["a file for each layer and no format, of 2018", { converter: 0 }],
    ["of Keras 2", { converter: 2 }],
    ["of Keras 3, which TF.js itself does not read", { converter: 4 }],
    [
      "with layers for training",
      { converter: 4, before: [{ class_name: "RandomFlip", config: { name: "random_flip", mode: "horizontal" } }] },
    ],
  ])("Keras' converter: %s", async (_, options) => {
    const model = await loadModel("k", writeFiles(fresh(), { ...kerasFiles(options), "labels.txt": LABELS }))
    expect(await answer(model, [-1, -1, 1])).toBe("blue")
    expect(whereOf(model).pixels?.from).toMatch(/^default/)
  })

  test("Keras with a layer that scales: it takes the pixels as they are", async () => {
    const rescaling = { class_name: "Rescaling", config: { name: "rescaling", scale: 1 / 255, offset: 0 } }
    const model = await loadModel("k", writeFiles(fresh(), kerasFiles({ before: [rescaling] })))
    expect(model.manifest.input).toMatchObject({ mean: 0, std: 1 })
    expect(whereOf(model).pixels?.from).toBe("model.json: the layer rescaling, which takes 0 to 255")
  })

  test.each([[[8, 8, 1]], [[8, 8]]])("Keras with grey pictures of %j", async (shape) => {
    const model = await loadModel("k", writeFiles(fresh(), { ...kerasFiles({ shape }), "labels.txt": LABELS }))
    expect(model.input).toHaveLength(64)
    expect(whereOf(model).channels).toEqual({ value: "gray", from: "model.json: input shape" })
    expect(await answer(model, [1])).toBe("red")
  })

  test("Keras with one unit that tells two classes apart", async () => {
    const files = { ...kerasFiles({ shape: [8, 8, 1], units: 1 }), "class_indices.json": '{"dog": 1, "cat": 0}' }
    const model = await loadModel("k", writeFiles(fresh(), files))
    expect([await answer(model, [-1]), await answer(model, [1])]).toEqual(["cat", "dog"])
    expect(whereOf(model)).toMatchObject({ output: { value: "probabilities" }, labels: { from: "class_indices.json" } })
  })

  test.each<[string, Files, string]>([
    ["nowhere: they are numbered", {}, "class 0"],
    ["in a list", { "class_names.json": '["r", "g", "b"]' }, "r"],
    ["in a list in an object", { "labels.json": '{"version": 1, "labels": ["r", "g", "b"]}' }, "r"],
    ["by number", { "labels.json": '{"2": "b", "0": "r", "1": "g"}' }, "r"],
    ["in a file of another case", { "Labels.TXT": "r\ng\nb\n" }, "r"],
  ])("labels %s", async (_, files, expected) => {
    const model = await loadModel("k", writeFiles(fresh(), { ...kerasFiles(), ...files }))
    expect(await answer(model, [1, -1, -1])).toBe(expected)
  })

  test("an archive's folder in the folder, and names of another case", async () => {
    const { "model.json": json = "", ...shards } = kerasFiles()
    const renamed: Files = { "inner/Model.JSON": json, "inner/labels.txt": LABELS }
    for (const [name, bytes] of Object.entries(shards)) renamed[`inner/${name.toUpperCase()}`] = bytes
    const model = await loadModel("k", writeFiles(fresh(), renamed))
    expect(await answer(model, [1, -1, -1])).toBe("red")
  })

  test("weights with strings among them, which are as long as they are", async () => {
    const { "model.json": json = "", "weights.bin": weights = "" } = await graphModelFiles()
    const model = JSON.parse(String(json))
    model.weightsManifest[0].weights.push({ name: "table", shape: [2], dtype: "string" })
    const strings = Buffer.from([3, 0, 0, 0, 97, 98, 99, 1, 0, 0, 0, 100])
    const files = {
      "model.json": JSON.stringify(model),
      "weights.bin": Buffer.concat([Buffer.from(weights), strings]),
      "labels.txt": LABELS,
    }
    expect(await answer(await loadModel("g", writeFiles(fresh(), files)), [1, 0, 0])).toBe("red")
  })

  test("claimcheck.json wins over what the tool says", async () => {
    const own = JSON.stringify({
      labels: ["a", "b", "c"],
      input: { mean: [1, 2, 3], std: 5 },
      resize: { fit: "stretch" },
    })
    const folder = writeFiles(fresh(), { ...(await teachableMachineFiles()), "claimcheck.json": own })
    const model = await loadModel("tm", folder)
    expect(model.manifest).toMatchObject({
      input: { mean: [1, 2, 3], std: 5 },
      resize: { fit: "stretch", crop_fraction: 1 },
    })
    expect(whereOf(model).labels).toEqual({ value: "3: a, b, c", from: "claimcheck.json" })
  })
})

describe("labels in several languages", () => {
  test("lie beside those that the model came with", async () => {
    const folder = tiny({ manifest: { language: "en" } })
    writeFileSync(join(folder, "labels.de.txt"), "rot\ngrün\nblau\n")
    writeFileSync(join(folder, "labels.backup copy.txt"), "not a language\n")
    const model = await loadModel("tiny", folder)
    expect(model.info.languages).toEqual(["de", "en"])
    const red = [1, -1, -1]
    const answers: unknown[] = []
    for (const language of [undefined, "en", "de", "DE-at", "fr", "no language"]) {
      answers.push(await answer(model, red, language))
    }
    expect(answers).toEqual(["red", "red", "rot", "rot", "red", "red"])
  })

  test("are refused when there are fewer or more of them", async () => {
    const folder = tiny()
    writeFileSync(join(folder, "labels.de.txt"), "rot\n")
    await expect(loadModel("tiny", folder)).rejects.toThrow("labels.de.txt has 1 labels, labels.txt has 3")
  })

  test("make another version", async () => {
    const folder = tiny()
    const before = (await loadModel("tiny", folder)).info.version
    writeFileSync(join(folder, "labels.de.txt"), "rot\ngrün\nblau\n")
    expect((await loadModel("tiny", folder)).info.version).not.toBe(before)
  })
})

const modelJson = (change: object) =>
  JSON.stringify({ format: "layers-model", modelTopology: { model_config: {} }, ...change })
const shards = (path: string) => modelJson({ weightsManifest: [{ paths: [path], weights: [] }] })

describe("a wrong folder has an error of its own, which names the file and the key:", () => {
  test.each<[string, () => string | Promise<string>, string, RegExp]>([
    ["an empty folder", () => writeFiles(newRoot(), {}), "no_model", /has no model\.json: the folder is empty/],
    ["no folder", () => join(newRoot(), "none"), "no_model", /Cannot read the folder .*: it is not there/],
    [
      "another tool's model",
      () => writeFiles(fresh(), { "m.tflite": "x" }),
      "no_model",
      /m\.tflite is a TensorFlow Lite model/,
    ],
    [
      "a folder in the folder, beside other files",
      () => writeFiles(fresh(), { "tfjs/model.json": "{}", "labels.txt": "a" }),
      "no_model",
      /in the folder tfjs inside/,
    ],
    [
      "folders of models",
      () => writeFiles(fresh(), { "a/model.json": "{}", "b/model.json": "{}" }),
      "several_models",
      /a and b have/,
    ],
    [
      "two models",
      () => writeFiles(fresh(), { "model.json": shards("a"), "old.json": shards("b") }),
      "several_models",
      /model\.json and old\.json: name one in claimcheck\.json: model/,
    ],
    ["no JSON", () => writeFiles(fresh(), { "model.json": "<html>" }), "bad_model_json", /model\.json: it is not JSON/],
    [
      "no manifest of weights",
      () => writeFiles(fresh(), { "model.json": modelJson({}) }),
      "bad_model_json",
      /weightsManifest/,
    ],
    ...["../a.bin", "/etc/passwd", "a/../../b", "c:\\a", "\\a", "https://x.org/a.bin"].map(
      (path): [string, () => string, string, RegExp] => [
        `the shard ${path}`,
        () => writeFiles(fresh(), { "model.json": shards(path) }),
        "bad_model_json",
        /weightsManifest\.0\.paths\.0: .* lies outside the model's folder/,
      ],
    ),
    [
      "a missing shard",
      () => tiny({ withoutShard: true }),
      "missing_file",
      /shard weights\.bin, which model\.json names/,
    ],
    [
      "a short shard",
      () => tiny({ weights: new Float32Array(11) }),
      "shard_size",
      /44 bytes, model\.json describes 48: weights\.bin \(44\)/,
    ],
    [
      "a shard that is a folder",
      () => {
        const folder = tiny({ withoutShard: true })
        mkdirSync(join(folder, "weights.bin"))
        return folder
      },
      "missing_file",
      /Cannot read weights\.bin/,
    ],
    [
      "no labels",
      () => tiny({ manifest: { labels: "l.txt" } }),
      "missing_file",
      /l\.txt, the file of labels.*claimcheck\.json: labels/,
    ],
    ["labels elsewhere", () => tiny({ manifest: { labels: "../l.txt" } }), "bad_manifest", /labels: .*outside/],
    [
      "a wrong number of labels",
      () => tiny({ labels: ["a"] }),
      "labels_count",
      /labels\.txt has 1 labels, .* 3 classes/,
    ],
    [
      "NaN in the weights",
      () => tiny({ weights: new Float32Array(12).fill(Number.NaN) }),
      "nan_weights",
      /dense\/kernel/,
    ],
    [
      "an open input",
      () => tiny({ kind: "graph", shape: [null, null, 3] }),
      "input_shape",
      /claimcheck\.json: input\.width is needed/,
    ],
    ["channels first", () => tiny({ kind: "graph", shape: [3, 8, 8] }), "input_shape", /channels come first \(NCHW\)/],
    [
      "grey pictures that were said to be of colour",
      () => tiny({ kind: "graph", shape: [8, 8, 1], manifest: { input: { channels: "rgb" } } }),
      "input_shape",
      /input\.channels is rgb by claimcheck\.json, but model\.json: input shape \[-1, 8, 8, 1\]/,
    ],
    ["an archive", () => join(writeFiles(newRoot(), { "m.zip": "PK" }), "m.zip"), "no_model", /archive: unpack it/],
    [
      "a network of no kind",
      () => writeFiles(fresh(), { "model.json": shards("a").replace("model_config", "layers") }),
      "bad_model_json",
      /modelTopology has none of node .*, model_config or class_name/,
    ],
    [
      "labels in an unknown form",
      () => writeFiles(fresh(), { ...kerasFiles(), "labels.json": '{"a": "b"}' }),
      "bad_metadata",
      /labels\.json: expected \["cat", "dog"\]/,
    ],
    ["no picture", () => tiny({ kind: "graph", shape: [3] }), "input_shape", /is not \[batch, height, width, 3 or 1\]/],
    [
      "a size that the tool and the model do not agree on",
      async () => writeFiles(fresh(), await teachableMachineFiles(undefined, { imageSize: 224 })),
      "input_shape",
      /input\.width is 224 by metadata\.json: imageSize, but model\.json: input shape \[null, 16, 16, 3\]/,
    ],
    [
      "a sound model",
      async () =>
        writeFiles(fresh(), await teachableMachineFiles(undefined, { packageName: "@teachablemachine/audio" })),
      "bad_metadata",
      /metadata\.json: packageName is @teachablemachine\/audio/,
    ],
    [
      "metadata that is no JSON",
      () => writeFiles(fresh(), { "metadata.json": "{" }),
      "bad_metadata",
      /metadata\.json: it is not JSON/,
    ],
    [
      "an object detector",
      () => writeFiles(fresh(), { "cvexport.manifest": '{"DomainType":"ObjectDetection"}' }),
      "bad_metadata",
      /cvexport\.manifest: DomainType is ObjectDetection/,
    ],
    [
      "too few labels in metadata",
      async () => writeFiles(fresh(), await teachableMachineFiles(["a", "b"])),
      "labels_count",
      /metadata\.json: labels has 2 labels/,
    ],
  ])("%s", async (_, make, code, message) => {
    const folder = await make()
    const error = await loadModel("m", folder).then(
      () => new Error("it was loaded"),
      (thrown: unknown) => thrown,
    )
    expect(error).toMatchObject({ name: "ModelError", code, message: expect.stringMatching(message) })
    rmSync(folder, { recursive: true, force: true })
  })
})
