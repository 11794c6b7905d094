"""U-Net: figure 1 arrow by arrow, with convolutions, poolings and up-convolutions written out as sums over the places of a window."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gyebo.verification.parity.case import Answer, ImageParityCase, Weights

__all__ = ["CASES"]

EPSILON = 1e-5  # of batch norm, inside the root


def ronneberger_2015(weights: Weights, config: Any, images: Tensor) -> Answer:
    """Valid convolutions: the skip loses half of the difference on each side."""

    def level(path: str, maps: Tensor) -> Tensor:
        for place in (0, 2):
            name = f"{path}.{place}"
            maps = _rectified(_convolution(maps, weights[f"{name}.weight"]) + _channelwise(weights[f"{name}.bias"]))
        return maps

    return {"logits": _u(weights, config.num_levels, images, level)}


def padded_and_normalised(weights: Weights, config: Any, images: Tensor) -> Answer:
    """One row and one column of zeros on each side of every 3x3 convolution, and running averages behind it."""

    def level(path: str, maps: Tensor) -> Tensor:
        for convolution, norm in ((0, 1), (3, 4)):
            batch, channels, height, width = maps.shape
            framed = maps.new_zeros(batch, channels, height + 2, width + 2)
            framed[:, :, 1:-1, 1:-1] = maps
            maps = _convolution(framed, weights[f"{path}.{convolution}.weight"])
            mean, variance, scale, shift = (
                _channelwise(weights[f"{path}.{norm}.{part}"]) for part in ("running_mean", "running_var", "weight", "bias")
            )
            maps = _rectified((maps - mean) / (variance + EPSILON).sqrt() * scale + shift)
        return maps

    return {"logits": _u(weights, config.num_levels, images, level)}


def _u(weights: Weights, num_levels: int, images: Tensor, level: Any) -> Tensor:
    maps, before = images, []
    for depth in range(num_levels - 1):
        maps = level(f"contracting.{depth}", maps)
        before.append(maps)
        maps = _pooled(maps)
    maps = level(f"contracting.{num_levels - 1}", maps)
    for depth in range(num_levels - 2, -1, -1):
        maps = _up_convolution(maps, weights[f"up_convolutions.{depth}.weight"], weights[f"up_convolutions.{depth}.bias"])
        skip = before[depth]
        top, left = ((skip.shape[axis] - maps.shape[axis]) // 2 for axis in (2, 3))
        maps = torch.cat([skip[:, :, top : skip.shape[2] - top, left : skip.shape[3] - left], maps], 1)
        maps = level(f"expanding.{depth}", maps)
    return _convolution(maps, weights["output.weight"]) + _channelwise(weights["output.bias"])


def _convolution(maps: Tensor, kernel: Tensor) -> Tensor:
    """sum over a, b and c of kernel[k, c, a, b] x[c, i + a, j + b], without padding."""
    rows, columns = kernel.shape[2:]
    height, width = maps.shape[2] - rows + 1, maps.shape[3] - columns + 1
    places = [(a, b) for a in range(rows) for b in range(columns)]
    return sum(torch.einsum("kc,nchw->nkhw", kernel[:, :, a, b], maps[:, :, a : a + height, b : b + width]) for a, b in places)  # type: ignore[return-value]


def _up_convolution(maps: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
    """y[k, 2i + a, 2j + b] = sum over c of kernel[c, k, a, b] x[c, i, j], plus the bias."""
    batch, _, height, width = maps.shape
    larger = maps.new_zeros(batch, kernel.shape[1], 2 * height, 2 * width)
    for a in (0, 1):
        for b in (0, 1):
            larger[:, :, a::2, b::2] = torch.einsum("ck,nchw->nkhw", kernel[:, :, a, b], maps)
    return larger + _channelwise(bias)


def _pooled(maps: Tensor) -> Tensor:
    """The largest of every 2x2 pixels."""
    return torch.stack([maps[:, :, a::2, b::2] for a in (0, 1) for b in (0, 1)]).amax(0)


def _rectified(maps: Tensor) -> Tensor:
    return maps * (maps > 0)


def _channelwise(numbers: Tensor) -> Tensor:
    return numbers[None, :, None, None]


CASES = (
    ImageParityCase(architecture="unet", reference="Ronneberger et al. 2015, figure 1, arrow by arrow", answer=ronneberger_2015),
    ImageParityCase(
        architecture="unet-padded", reference="figure 1 with frames of zeros and running averages", answer=padded_and_normalised
    ),
)
