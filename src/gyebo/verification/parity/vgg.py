"""VGG: table 1, layer by layer, and torchvision's."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from gyebo.interop.torchvision import to_torchvision
from gyebo.verification.parity.alexnet import naive_local_response, naive_pool, naive_relu
from gyebo.verification.parity.case import Answer, ImageParityCase, Weights
from gyebo.verification.torchvision_reference import torchvision_models

__all__ = ["CASES"]


def simonyan_2014(weights: Weights, config: Any, images: Tensor) -> Answer:
    """Sections 2.1 and 2.2: the windows are those of the weights; local response normalisation stands after the first, if anywhere."""
    maps = images
    for block in range(len(config.depths)):
        layers = [name for name in weights if re.fullmatch(rf"blocks\.{block}\.conv\d\.weight", name)]
        for layer in sorted(layers):
            kernel = weights[layer]
            bias = weights[layer.replace("weight", "bias")]
            maps = naive_relu(F.conv2d(maps, kernel, bias, padding=(kernel.shape[-1] - 1) // 2))
            if config.local_response and (block, layer) == (0, layers[0]):
                maps = naive_local_response(maps)
        maps = naive_pool(maps, 2, 2)
    maps = F.adaptive_avg_pool2d(maps, config.pooled_side)
    hidden = maps.reshape(len(maps), -1)
    for layer in ("full1", "full2"):
        hidden = naive_relu(hidden @ weights[f"{layer}.weight"].T + weights[f"{layer}.bias"])
    return {"logits": hidden @ weights["output.weight"].T + weights["output.bias"]}


def torchvision_vgg(weights: Weights, config: Any, images: Tensor) -> Answer:
    """torchvision's VGG, which takes its widths from the weights that it is given."""
    models = torchvision_models()
    row = [each for depth in config.depths for each in (*[64] * depth, "M")]
    with torch.device("meta"):
        module = models.VGG(models.vgg.make_layers(row), init_weights=False, dropout=0.0)
    module.avgpool = nn.AdaptiveAvgPool2d(config.pooled_side)
    return {"logits": functional_call(module, to_torchvision(weights, "vgg"), (images,), strict=True)}


CASES = (
    ImageParityCase(architecture="vgg", reference="Simonyan, Zisserman 2014, table 1, layer by layer", answer=simonyan_2014),
    ImageParityCase(architecture="vgg", reference="torchvision.models.VGG", answer=torchvision_vgg),
)
