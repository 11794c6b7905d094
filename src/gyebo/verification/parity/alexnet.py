"""AlexNet: each tower apart, from the layers of the paper; and its one-tower variant: torchvision's."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from gyebo.interop.torchvision import to_torchvision
from gyebo.verification.parity.case import Answer, ImageParityCase, Weights
from gyebo.verification.torchvision_reference import torchvision_models

__all__ = ["CASES", "naive_local_response", "naive_pool", "naive_relu"]


def naive_local_response(maps: Tensor) -> Tensor:
    """Krizhevsky et al. 2012, section 3.3, map by map, with their k = 2, n = 5, alpha = 1e-4, beta = 0.75."""
    k, n, alpha, beta = 2, 5, 1e-4, 0.75
    count = maps.shape[1]
    normalized = []
    for i in range(count):
        neighbours = [maps[:, j] ** 2 for j in range(max(0, i - n // 2), min(count - 1, i + n // 2) + 1)]
        normalized.append(maps[:, i] / (k + alpha * torch.stack(neighbours).sum(0)) ** beta)
    return torch.stack(normalized, 1)


def naive_relu(inputs: Tensor) -> Tensor:
    """max(x, 0), whose derivative at 0 is 0 as in torch: zero images and zero biases make zeros that are no accident."""
    return inputs * (inputs > 0)


def naive_pool(maps: Tensor, window: int, stride: int) -> Tensor:
    """The largest number of each window that lies within the maps, window by window."""
    rows = range(0, maps.shape[2] - window + 1, stride)
    columns = range(0, maps.shape[3] - window + 1, stride)
    return torch.stack(
        [torch.stack([maps[:, :, y : y + window, x : x + window].amax((2, 3)) for x in columns], -1) for y in rows], -2
    )


def krizhevsky_2012(weights: Weights, config: Any, images: Tensor) -> Answer:
    """Section 3.5, with a module for each half of a layer that reads its own tower alone."""

    def layer(name: str, maps: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
        return naive_relu(F.conv2d(maps, weights[f"{name}.weight"], weights[f"{name}.bias"], stride, padding))

    def towers(name: str, maps: Tensor, padding: int) -> Tensor:
        halves = (each.chunk(2) for each in (weights[f"{name}.weight"], weights[f"{name}.bias"]))
        made = [
            naive_relu(F.conv2d(own, weight, bias, padding=padding))
            for own, weight, bias in zip(maps.chunk(2, 1), *halves, strict=True)
        ]
        return torch.cat(made, 1)

    def full(name: str, inputs: Tensor) -> Tensor:
        return inputs @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    maps = layer("conv1", images, config.stem_stride, config.stem_padding)
    maps = naive_pool(naive_local_response(maps), 3, 2)
    maps = naive_pool(naive_local_response(towers("conv2", maps, 2)), 3, 2)
    maps = towers("conv4", layer("conv3", maps, padding=1), 1)
    maps = naive_pool(towers("conv5", maps, 1), 3, 2)
    hidden = naive_relu(full("full6", maps.reshape(len(maps), -1)))
    return {"logits": full("output", naive_relu(full("full7", hidden)))}


def torchvision_2014(weights: Weights, config: Any, images: Tensor) -> Answer:
    """torchvision's AlexNet, which takes its widths from the weights that it is given."""
    with torch.device("meta"):
        module = torchvision_models().AlexNet(dropout=0.0)
        module.features[0] = nn.Conv2d(3, 64, config.stem_kernel, config.stem_stride, config.stem_padding)
    module.avgpool = nn.AdaptiveAvgPool2d(config.pooled_side)
    return {"logits": functional_call(module, to_torchvision(weights, "alexnet-one-tower"), (images,), strict=True)}


CASES = (
    ImageParityCase(architecture="alexnet", reference="Krizhevsky et al. 2012, section 3, tower by tower", answer=krizhevsky_2012),
    ImageParityCase(architecture="alexnet-one-tower", reference="torchvision.models.AlexNet", answer=torchvision_2014),
)
