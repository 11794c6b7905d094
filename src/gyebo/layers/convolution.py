"""Convolution's arithmetic, and the parts of convolutional networks that several of them share.

Letters: B batch, C channels, H W the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

from gyebo.layers.windows import smallest_size, windows

__all__ = ["Frame", "Window", "sizes_through"]


@dataclass(frozen=True)
class Window:
    """How a convolution or a pooling moves over an image: the window's side, its step, and the padding at each edge."""

    side: int
    stride: int = 1
    padding: int = 0

    def outputs(self, inputs: int) -> int:
        """floor((n + 2 p - f) / s) + 1: how many places the window has along a side of n pixels.

        >>> Window(5).outputs(32), Window(2, stride=2).outputs(29), Window(3, padding=1).outputs(28)
        (28, 14, 28)
        """
        return windows(inputs, self.side, self.stride, self.padding)


def sizes_through(layers: Sequence[Window], image_size: int) -> list[int]:
    """The side of the maps after each of these layers.

    Raises ValueError where the image is too small for one of them, and says from which size on none is.

    >>> sizes_through([Window(5), Window(2, stride=2)], 32)
    [28, 14]
    >>> sizes_through([Window(5), Window(2, stride=2)], 5)
    Traceback (most recent call last):
    ValueError: image_size=5 is too small: after layer 2 of 2 nothing would be left. The smallest that works is 6.
    """
    sizes = _sizes(layers, image_size)
    if min(sizes) < 1:
        empty = next(number for number, size in enumerate(sizes, 1) if size < 1)
        raise ValueError(
            f"image_size={image_size} is too small: after layer {empty} of {len(layers)} nothing would be left."
            f" The smallest that works is {smallest_size(lambda size: _sizes(layers, size)[-1])}."
        )
    return sizes


def _sizes(layers: Sequence[Window], size: int) -> list[int]:
    sizes = []
    for window in layers:
        size = max(0, window.outputs(size)) if size > 0 else 0
        sizes.append(size)
    return sizes


class Frame(nn.Module):
    """An edge of one value round each image, as wide as brings it to a size; a larger image stays as it is.

    >>> import torch
    >>> Frame(28, 32, -0.1)(torch.zeros(1, 1, 28, 28))[0, 0, :3, 16]
    tensor([-0.1000, -0.1000,  0.0000])
    """

    def __init__(self, image_size: int, framed_size: int, value: float) -> None:
        super().__init__()
        missing = max(0, framed_size - image_size)
        self.before, self.after, self.value = missing // 2, missing - missing // 2, value
        self.framed_size = image_size + missing

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, n, n) -> (B, C, framed_size, framed_size)"""
        return F.pad(images, (self.before, self.after, self.before, self.after), value=self.value)

    def extra_repr(self) -> str:
        return f"{self.before}, {self.after}, value={self.value}"
