"""References for LeNet-5 and the networks next to it: their equations over patches, and layers of torch.nn.

LeCun et al. 1998, sections II-B, II-C and appendix A; Saito 2016, chapter 8.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gyebo.verification.parity.case import Answer, ImageParityCase, Weights
from gyebo.verification.parity.images import module_answer

# Table I of LeCun et al. 1998: a row an S2 map, a column a C3 map.
TABLE = (
    "X...XXX..XXXX.XX",
    "XX...XXX..XXXX.X",
    "XXX...XXX..X.XXX",
    ".XXX..XXXX..X.XX",
    "..XXX..XXXX.XX.X",
    "...XXX..XXXX.XXX",
)


def _squashed(sums: Tensor) -> Tensor:
    """1.7159 tanh(2/3 a), with tanh from its exponentials."""
    grown = torch.exp(2 * (2 / 3) * sums)
    return 1.7159 * (grown - 1) / (grown + 1)


def _patches(maps: Tensor, side: int) -> Tensor:
    """Every window of a side: (B, C, H, W) -> (B, C, side * side, H', W')"""
    height, width = maps.shape[2] - side + 1, maps.shape[3] - side + 1
    shifted = [maps[:, :, row : row + height, column : column + width] for row in range(side) for column in range(side)]
    return torch.stack(shifted, 2)


def _convolved(maps: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return torch.einsum("bcphw,ocp->bohw", _patches(maps, weight.shape[-1]), weight.flatten(2)) + bias[:, None, None]


def _subsampled(maps: Tensor, coefficient: Tensor, bias: Tensor) -> Tensor:
    """Four numbers added, times the map's coefficient, plus its bias."""
    rows, columns = maps.shape[2] // 2, maps.shape[3] // 2
    corners = [maps[:, :, row : 2 * rows : 2, column : 2 * columns : 2] for row in (0, 1) for column in (0, 1)]
    total = torch.stack(corners).sum(0)
    return torch.stack([total[:, each] * coefficient[each] + bias[each] for each in range(maps.shape[1])], 1)


def _third_layer(maps: Tensor, kernels: Tensor, bias: Tensor) -> Tensor:
    """C3, map by map: the kernels stand column by column of the table, from its top down."""
    remaining = iter(kernels)
    found = []
    for column in range(16):
        seen = [row for row in range(6) if TABLE[row][column] == "X"]
        parts = [_convolved(maps[:, [row]], next(remaining)[None, None], bias.new_zeros(1)) for row in seen]
        found.append(sum(parts) + bias[column])
    return torch.cat(found, 1)


def _lenet5(weights: Weights, config: Any, images: Tensor) -> Answer:
    edge = (32 - images.shape[-1]) // 2
    framed = images.new_full((*images.shape[:2], 32, 32), config.background)
    framed[:, :, edge : 32 - edge, edge : 32 - edge] = images
    maps = _squashed(_convolved(framed, weights["c1.weight"], weights["c1.bias"]))
    maps = _squashed(_subsampled(maps, weights["s2.coefficient"], weights["s2.bias"]))
    maps = _squashed(_third_layer(maps, weights["c3.kernels"], weights["c3.bias"]))
    maps = _squashed(_subsampled(maps, weights["s4.coefficient"], weights["s4.bias"]))
    units = _squashed(torch.einsum("bcij,ocij->bo", maps, weights["c5.weight"]) + weights["c5.bias"])
    units = _squashed(units @ weights["f6.weight"].T + weights["f6.bias"])
    return {"logits": torch.stack([-((units - code) ** 2).sum(1) for code in weights["codes"]], 1)}


def _lenet5_loss(weights: Weights, config: Any, images: Tensor, labels: Tensor) -> Tensor:
    """Eq. 9, image by image."""
    total = images.new_zeros(())
    for penalties, label in zip(-_lenet5(weights, config, images)["logits"], labels.tolist(), strict=True):
        # e^-(y_i - y_D): the same sum with the right class's penalty taken out, or every power of e would be 0
        powers = sum(torch.exp(penalties[label] - penalty) for penalty in penalties)
        total = total + torch.log(torch.exp(penalties[label] - config.rubbish) + powers)
    return total


def _modern(config: Any) -> nn.Module:
    edge = (32 - config.image_size) // 2
    return nn.Sequential(
        OrderedDict(
            frame=nn.ConstantPad2d(edge, config.background),
            c1=nn.Conv2d(config.num_channels, 6, 5),
            relu_1=nn.ReLU(),
            s2=nn.MaxPool2d(2),
            c3=nn.Conv2d(6, 16, 5),
            relu_3=nn.ReLU(),
            s4=nn.MaxPool2d(2),
            c5=nn.Conv2d(16, 120, 5),
            relu_5=nn.ReLU(),
            flatten=nn.Flatten(),
            f6=nn.Linear(120, 84),
            relu_6=nn.ReLU(),
            output=nn.Linear(84, config.num_classes),
        )
    )


def _deep_cnn(weights: Weights, config: Any, images: Tensor) -> Answer:
    maps = images
    for number, padding in enumerate((1, 1, 1, 2, 1, 1)):
        maps = F.pad(maps, (padding, padding, padding, padding))
        maps = _convolved(maps, weights[f"convolutions.{number}.weight"], weights[f"convolutions.{number}.bias"]).clamp(min=0)
        if number in (1, 3, 5):
            rows, columns = maps.shape[2] // 2, maps.shape[3] // 2
            maps = maps[:, :, : 2 * rows, : 2 * columns].unflatten(2, (rows, 2)).unflatten(4, (columns, 2)).amax((3, 5))
    units = (maps.flatten(1) @ weights["hidden.weight"].T + weights["hidden.bias"]).clamp(min=0)
    return {"logits": units @ weights["output.weight"].T + weights["output.bias"]}


CASES = (
    ImageParityCase(
        architecture="lenet5",
        reference="LeCun et al. 1998, table I and equations 6, 7 and 9, window by window",
        answer=_lenet5,
        loss=_lenet5_loss,
    ),
    ImageParityCase(
        architecture="lenet5-modern",
        reference="torch.nn.Sequential of Conv2d, ReLU, MaxPool2d and Linear",
        answer=module_answer(_modern, lambda name: name),
    ),
    ImageParityCase(
        architecture="deep-cnn",
        reference="Saito 2016, chapter 8, window by window",
        answer=_deep_cnn,
    ),
)
