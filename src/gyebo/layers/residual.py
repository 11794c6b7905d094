"""Residual blocks, and the plain ones without their shortcuts.  He, Zhang, Ren, Sun 2015, arXiv 1512.03385, section 3.

    plain      y = relu(F(x))
    residual   y = relu(F(x) + S(x))                                 eq. 1 and 2

F is a stack of convolutions, each followed by batch normalisation (which has a shift of its own, so they have no biases), with ReLUs
between them.  S leaves x as it is where F(x) has its shape; where it has not, one of the paper's options A, B and C makes it fit.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeAlias

from torch import Tensor, nn
from torch.nn.functional import pad, relu

__all__ = [
    "EXPANSION",
    "SHORTCUTS",
    "PlainBlock",
    "ResidualBlock",
    "Shortcut",
    "ZeroPadded",
    "bottleneck",
    "projection",
    "two_convolutions",
]

EXPANSION = 4
"""how many times wider a bottleneck is at its ends"""

Shortcut: TypeAlias = Callable[[int, int, int], nn.Module]
"""(channels that come, channels that leave, stride) -> S"""


def two_convolutions(channels: int, width: int, stride: int) -> nn.Sequential:
    """F of the networks of up to 34 layers: 3x3, 3x3.  Figure 5, left.  (B, channels, H, W) -> (B, width, H / stride, W / stride)."""
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(channels, width, 3, stride, 1, bias=False),
            norm1=nn.BatchNorm2d(width),
            relu1=nn.ReLU(),
            conv2=nn.Conv2d(width, width, 3, 1, 1, bias=False),
            norm2=nn.BatchNorm2d(width),
        )
    )


def bottleneck(channels: int, width: int, first_stride: int, second_stride: int) -> nn.Sequential:
    """F of the networks of 50 layers and more: 1x1 to a quarter of the width, 3x3, and 1x1 back.  Figure 5, right.

    first_stride, second_stride: of the first 1x1 and of the 3x3.
    """
    narrow = width // EXPANSION
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(channels, narrow, 1, first_stride, bias=False),
            norm1=nn.BatchNorm2d(narrow),
            relu1=nn.ReLU(),
            conv2=nn.Conv2d(narrow, narrow, 3, second_stride, 1, bias=False),
            norm2=nn.BatchNorm2d(narrow),
            relu2=nn.ReLU(),
            conv3=nn.Conv2d(narrow, width, 1, bias=False),
            norm3=nn.BatchNorm2d(width),
        )
    )


class ZeroPadded(nn.Module):
    """Every stride-th row and column, and zeros for the channels that are missing: a shortcut without parameters.

    Raises ValueError where channels would have to go.

    >>> import torch
    >>> ZeroPadded(2, 3, stride=2)(torch.ones(1, 2, 4, 4))[0, :, 0]
    tensor([[1., 1.],
            [1., 1.],
            [0., 0.]])
    """

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        if width < channels:
            raise ValueError(
                f"A shortcut of option A adds channels of zeros, and cannot lead from {channels} channels to {width}: give widths that"
                " do not decrease, or shortcuts that project (option B)"
            )
        self.added, self.stride = width - channels, stride

    def forward(self, maps: Tensor) -> Tensor:
        return pad(maps[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.added))

    def extra_repr(self) -> str:
        return f"{self.added} channels of zeros, stride={self.stride}"


def projection(channels: int, width: int, stride: int) -> nn.Sequential:
    """W_s x of eq. 2: a 1x1 convolution with batch normalisation."""
    return nn.Sequential(
        OrderedDict(conv=nn.Conv2d(channels, width, 1, stride, bias=False), norm=nn.BatchNorm2d(width)),
    )


def _identity_or(otherwise: Shortcut) -> Shortcut:
    """x as it is where that fits, and else the other one."""

    def shortcut(channels: int, width: int, stride: int) -> nn.Module:
        return nn.Identity() if channels == width and stride == 1 else otherwise(channels, width, stride)

    return shortcut


SHORTCUTS: Mapping[str, Shortcut] = MappingProxyType(
    {"A": _identity_or(ZeroPadded), "B": _identity_or(projection), "C": projection},
)
"""The options of section 4.1: zeros where dimensions increase, projections where they do, projections everywhere"""


class PlainBlock(nn.Module):
    """y = relu(F(x)): two or three layers of a plain network."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body  # F

    def forward(self, maps: Tensor) -> Tensor:
        return relu(self.body(maps))


class ResidualBlock(nn.Module):
    """y = relu(F(x) + S(x)): the same layers learn what is missing from x, not the whole."""

    def __init__(self, body: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.body, self.shortcut = body, shortcut  # F, S

    def forward(self, maps: Tensor) -> Tensor:
        return relu(self.body(maps) + self.shortcut(maps))
