"""Masks as pictures: classes in colours, laid over the image, and where prediction and truth differ."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from gyebo.data.masked_images import VOID

__all__ = [
    "INVENTED",
    "MISSED",
    "OTHER",
    "as_base64",
    "class_colours",
    "grey_or_colour",
    "laid_over",
    "mask_png",
    "mistakes",
    "png",
    "side_by_side",
]

Pixels = NDArray[np.uint8]

COLOURS = ("#1f2328", "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7")
"""Okabe and Ito's, which colour-blind eyes tell apart; further classes are these, mixed with white and with black"""
MIXED = ((1.0, 0.0), (0.55, 255 * 0.45), (0.55, 0.0), (0.3, 255 * 0.7))
VOID_COLOUR = (128, 128, 128)
OPACITY = 0.55
MISSED, INVENTED, OTHER = (213, 94, 0), (0, 114, 178), (200, 0, 40)
GAP = 4  # white pixels between pictures side by side


def class_colours(num_classes: int) -> Pixels:
    """(256, 3): the colour of every class number, and of VOID."""
    table = np.zeros((256, 3), np.uint8)
    for number in range(min(num_classes, VOID)):
        share, light = MIXED[number // len(COLOURS) % len(MIXED)]
        colour = COLOURS[number % len(COLOURS)]
        table[number] = [round(share * int(colour[at : at + 2], 16) + light) for at in (1, 3, 5)]
    table[VOID] = VOID_COLOUR
    return table


def grey_or_colour(image: Tensor) -> Pixels:
    """Bytes (C, H, W) as (H, W, 3)."""
    return np.broadcast_to(image.permute(1, 2, 0).numpy(), (*image.shape[1:], 3))


def laid_over(image: Pixels, mask: Pixels, num_classes: int) -> Pixels:
    """The classes in their colours over the image, (H, W, 3) and (H, W); void, and the first of two
    classes, leave the image as it is."""
    colours = class_colours(num_classes)[mask]
    mixed = ((1 - OPACITY) * image + OPACITY * colours).astype(np.uint8)
    plain = (mask == VOID) | ((mask == 0) & (num_classes == 2))
    return np.where(plain[..., None], image, mixed)


def mistakes(image: Pixels, truth: Pixels, predicted: Pixels, num_classes: int) -> Pixels:
    """The image, paled, with what is wrong in colours: of two classes the second one missed (orange) or invented (blue); of more, all
    that is another class than it should be (red)."""
    wrong = (truth != predicted) & (truth != VOID)
    shown = (255 - (255 - image.astype(np.int64)) // 3).astype(np.uint8)
    if num_classes == 2:
        shown[wrong & (truth == 1)] = MISSED
        shown[wrong & (truth == 0)] = INVENTED
    else:
        shown[wrong] = OTHER
    return shown


def side_by_side(pictures: list[Pixels]) -> Pixels:
    """Pictures of one size in a row."""
    gap = np.full((pictures[0].shape[0], GAP, 3), 255, np.uint8)
    parts = [part for picture in pictures for part in (picture, gap)]
    return np.concatenate(parts[:-1], 1)


def png(picture: Pixels, largest: int) -> bytes:
    """(H, W, 3), or (H, W) of grey, as a PNG of at most so many pixels a side."""
    image = Image.fromarray(np.ascontiguousarray(picture))
    image.thumbnail((largest, largest))
    return _written(image)


def mask_png(mask: Pixels, num_classes: int) -> bytes:
    """Class numbers (H, W) as a PNG whose pixel values are these numbers, with a palette of their colours."""
    image = Image.frombytes("P", mask.shape[::-1], mask.tobytes())
    image.putpalette(class_colours(num_classes).tobytes())
    return _written(image)


def as_base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _written(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, format="PNG", optimize=True)
    return file.getvalue()
