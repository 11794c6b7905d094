"""Pixels already in memory, brought to the size and the channels asked for."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["fitted"]

_CHUNK = 4_096  # images at a time, so that little more memory is needed than that of the result


def fitted(pixels: Tensor, size: int, channels: int) -> Tensor:
    """uint8 (N, C, H, W) with the square in the middle scaled to `size`, and so many channels.

    0 leaves the size, or the channels, as they are. Scaling is bilinear with antialiasing; grey is the luma of ITU-R 601, as in Pillow.
    """
    if channels == 3 and pixels.shape[1] == 1:
        pixels = pixels.expand(-1, 3, -1, -1)
    elif channels == 1 and pixels.shape[1] == 3:
        pixels = torch.cat([_luma(part) for part in pixels.split(_CHUNK)])
    height, width = pixels.shape[2:]
    if size and (height, width) != (size, size):
        pixels = torch.cat([_scaled(part, size) for part in pixels.split(_CHUNK)])
    return pixels.contiguous()


def _luma(pixels: Tensor) -> Tensor:
    red, green, blue = pixels.int().unbind(dim=1)
    grey = (red * 19_595 + green * 38_470 + blue * 7_471 + 0x8000) >> 16  # 0.299, 0.587 and 0.114 in 16 binary places
    return grey.byte()[:, None]


def _scaled(pixels: Tensor, size: int) -> Tensor:
    height, width = pixels.shape[2:]
    shorter = min(height, width)
    top, left = (height - shorter) // 2, (width - shorter) // 2
    square = pixels[:, :, top : top + shorter, left : left + shorter].contiguous()
    return F.interpolate(square, size=(size, size), mode="bilinear", antialias=True)
