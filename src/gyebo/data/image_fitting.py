"""Pixels already in memory, brought to the size and the channels asked for; and how many bytes of them memory holds."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from gyebo.errors import UsageError

__all__ = ["MAX_BYTES", "fitted", "refuse_too_much"]

MAX_BYTES = 2**32
"""Of pixels of all images together: they are held in memory."""

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


def refuse_too_much(data: object, count: int, size: int, channels: int, mend: str) -> None:
    """Raise UsageError where so many images of (channels, size, size) are more than memory holds: to be asked before it is taken.

    data: what the images are of, for the message; mend: how to need less, its closing sentence.
    """
    needed = count * channels * size * size
    if needed > MAX_BYTES:
        raise UsageError(
            f"{count:,} images of {data} with {channels} x {size:,} x {size:,} pixels take {needed:,} bytes, more than the "
            f"{MAX_BYTES:,} that are held in memory. {mend}"
        )
