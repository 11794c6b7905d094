"""DenseNets: torchvision's, and section 3 layer by layer for small images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call
from torch.nn import functional as F

from gyebo.interop.torchvision import to_torchvision
from gyebo.verification.parity.alexnet import naive_relu
from gyebo.verification.parity.case import Answer, ImageParityCase, Weights
from gyebo.verification.parity.resnet import naive_batch_norm
from gyebo.verification.torchvision_reference import torchvision_models

__all__ = ["CASES", "huang_2016"]


def huang_2016(*, batch_statistics: bool = False) -> Callable[[Weights, Any, Tensor], Answer]:
    """Eq. 2: a list of what each layer found, and every layer reads the whole list."""

    def answer(weights: Weights, config: Any, images: Tensor) -> Answer:
        def composite(norm: str, convolution: str, maps: Tensor) -> Tensor:
            """Batch normalisation, ReLU, convolution: section 3, composite function."""
            kernel = weights[f"{convolution}.weight"]
            normalized = naive_batch_norm(weights, norm, maps, batch_statistics=batch_statistics)
            return F.conv2d(naive_relu(normalized), kernel, padding=(kernel.shape[-1] - 1) // 2)

        found = [F.conv2d(images, weights["stem.weight"], padding=1)]
        for block, depth in enumerate(config.depths):
            if block > 0:
                name = f"stages.{2 * block - 1}"
                maps = composite(f"{name}.norm", f"{name}.conv", torch.cat(found, 1))
                height, width = (side // 2 * 2 for side in maps.shape[2:])
                maps = maps[:, :, :height, :width]
                corners = [maps[:, :, row::2, column::2] for row in (0, 1) for column in (0, 1)]
                found = [sum(corners[1:], corners[0]) / 4]  # the mean of each 2x2
            for layer in range(depth):
                name, maps = f"stages.{2 * block}.layers.{layer}", torch.cat(found, 1)
                if config.bottleneck:
                    maps = composite(f"{name}.norm1", f"{name}.conv1", maps)
                    found.append(composite(f"{name}.norm2", f"{name}.conv2", maps))
                else:
                    found.append(composite(f"{name}.norm", f"{name}.conv", maps))
        last = f"stages.{2 * len(config.depths) - 1}"
        maps = naive_relu(naive_batch_norm(weights, last, torch.cat(found, 1), batch_statistics=batch_statistics))
        means = maps.sum((2, 3)) / maps[0, 0].numel()
        return {"logits": means @ weights["output.weight"].T + weights["output.bias"]}

    return answer


def torchvision_densenet(*, training: bool = False) -> Callable[[Weights, Any, Tensor], Answer]:
    """torchvision's DenseNet, which takes its widths from the weights that it is given."""

    def answer(weights: Weights, config: Any, images: Tensor) -> Answer:
        with torch.device("meta"):
            module = torchvision_models().DenseNet(block_config=config.depths)
        first = module.features.conv0
        first.stride, first.padding = (config.stem_stride,) * 2, (config.stem_kernel // 2,) * 2
        given = to_torchvision(weights, "densenet")
        return {"logits": functional_call(module.train(training), given, (images,), strict=True)}

    return answer


CASES = (
    ImageParityCase(architecture="densenet", reference="torchvision.models.DenseNet", answer=torchvision_densenet()),
    ImageParityCase(
        architecture="densenet",
        reference="torchvision.models.DenseNet, in training",
        answer=torchvision_densenet(training=True),
        training=True,
    ),
    ImageParityCase(
        architecture="densenet-cifar",
        reference="Huang et al. 2016, section 3, layer by layer",
        answer=huang_2016(),
    ),
    ImageParityCase(
        architecture="densenet-cifar",
        reference="Huang et al. 2016, section 3, layer by layer, in training",
        answer=huang_2016(batch_statistics=True),
        training=True,
    ),
)
