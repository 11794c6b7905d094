"""References for the perceptron and the multilayer perceptron: layers of torch.nn, and Rosenblatt's rule pattern by pattern."""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from gyebo.verification.parity.case import Answer, ImageParityCase, Weights
from gyebo.verification.parity.images import module_answer


def _sums(weights: Weights, config: Any, images: Tensor) -> Answer:
    """Each unit's sum over the pixels of an image, one image after the other."""
    return {
        "logits": torch.stack(
            [
                weights["output.weight"] @ torch.cat([channel.reshape(-1) for channel in image]) + weights["output.bias"]
                for image in images
            ]
        )
    }


def _corrections(weights: Weights, config: Any, images: Tensor, labels: Tensor) -> Tensor:
    """A number whose gradient is what Rosenblatt's rule takes off the weights: -t (x, 1) wherever t f(x) <= 0."""
    total = images.new_zeros(())
    for scores, label in zip(_sums(weights, config, images)["logits"], labels.tolist(), strict=True):
        for unit, score in enumerate(scores):
            target = 1 if unit == label else -1
            if target * score.item() <= 0:
                total = total - target * score
    return total


def _sequential(config: Any) -> nn.Module:
    widths = [config.num_channels * config.image_size * config.image_size, *config.widths]
    layers: OrderedDict[str, nn.Module] = OrderedDict(flatten=nn.Flatten())
    for number, (inputs, outputs) in enumerate(pairwise(widths)):
        layers[f"hidden_{number}"] = nn.Linear(inputs, outputs)
        layers[f"logistic_{number}"] = nn.Sigmoid()
    layers["output"] = nn.Linear(widths[-1], config.num_classes)
    return nn.Sequential(layers)


CASES = (
    ImageParityCase(
        architecture="perceptron",
        reference="Rosenblatt's rule, unit by unit and pattern by pattern",
        answer=_sums,
        loss=_corrections,
    ),
    ImageParityCase(
        architecture="mlp",
        reference="torch.nn.Sequential of Linear and Sigmoid",
        answer=module_answer(_sequential, lambda name: name.replace("hidden.", "hidden_")),
    ),
)
