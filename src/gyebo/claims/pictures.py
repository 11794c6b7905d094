"""Pictures for claims that need no download: the handwritten digits that come with gyebo, and signs that are drawn.

Pixels are standardised by what a training set of the same kind has: mean 0 and variance 1.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Generator, Tensor

from gyebo.claims.classifying import Examples
from gyebo.data.images import ImagesConfig, LabelledImages, open_images
from gyebo.training.randomness import mix

__all__ = ["SIGNS", "Sets", "digits", "generator", "shifted", "signs"]


class Sets(NamedTuple):
    train: Examples
    test: Examples


def generator(seed: int, purpose: str) -> Generator:
    """Draws of their own for each purpose of a claim ("train", "test" ...): another purpose never shifts them.

    >>> bool(torch.rand(1, generator=generator(1, "train")) == torch.rand(1, generator=generator(1, "train")))
    True
    """
    return torch.Generator().manual_seed(mix(seed, *purpose.encode()))


def digits(size: int = 8, border: int = 0) -> Sets:
    """Handwritten digits, 1,297 to learn from and 500 for the test: (N, 1, S, S), where S = size + 2 border, in ten classes.

    size: of the digit, 8 as it was scanned or larger.  border: pixels of background on each side.
    >>> [tuple(examples.inputs.shape) for examples in digits(16, border=8)]
    [(1297, 1, 32, 32), (500, 1, 32, 32)]
    """
    data = open_images(("digits",), ImagesConfig(size=size, padding=border))
    train, held_out, test = (_examples(images) for images in (data.train, data.validation, data.test))
    mean, deviation = train.inputs.mean(), train.inputs.std()

    def standardised(*parts: Examples) -> Examples:
        inputs = (torch.cat([part.inputs for part in parts]) - mean) / deviation
        return Examples(inputs, torch.cat([part.labels for part in parts]))

    return Sets(standardised(train), standardised(held_out, test))


def _examples(images: LabelledImages) -> Examples:
    return Examples(images.pixels.float() / 255, images.labels)


def shifted(images: Tensor, most: int, draw: Generator) -> Tensor:
    """Each picture (N, C, H, W) moved by -most to most pixels in both directions; what leaves one side comes in at the other.

    A border of background that is at least as wide as the shift comes in as background.
    """
    down, right = torch.randint(-most, most + 1, (2, len(images)), generator=draw)
    moved = [image.roll((int(rows), int(columns)), (1, 2)) for image, rows, columns in zip(images, down, right, strict=True)]
    return torch.stack(moved)


SIGNS: dict[str, tuple[tuple[float, float, float, float], ...]] = {
    "plus": ((-1, 0, 1, 0), (0, -1, 0, 1)),
    "cross": ((-0.8, -0.8, 0.8, 0.8), (-0.8, 0.8, 0.8, -0.8)),
    "square": ((-0.8, -0.8, 0.8, -0.8), (0.8, -0.8, 0.8, 0.8), (0.8, 0.8, -0.8, 0.8), (-0.8, 0.8, -0.8, -0.8)),
    "triangle": ((-0.9, 0.8, 0.9, 0.8), (0.9, 0.8, 0, -0.9), (0, -0.9, -0.9, 0.8)),
    "diamond": ((0, -1, 1, 0), (1, 0, 0, 1), (0, 1, -1, 0), (-1, 0, 0, -1)),
    "corner": ((-0.8, -0.9, -0.8, 0.9), (-0.8, 0.9, 0.8, 0.9)),
    "tee": ((-0.9, -0.8, 0.9, -0.8), (0, -0.8, 0, 1)),
    "zigzag": ((-0.9, -0.8, 0.9, -0.8), (0.9, -0.8, -0.9, 0.8), (-0.9, 0.8, 0.9, 0.8)),
    "arrow": ((0, 1, 0, -1), (0, -1, -0.6, -0.3), (0, -1, 0.6, -0.3)),
    "ladder": ((-0.6, -1, -0.6, 1), (0.6, -1, 0.6, 1), (-0.6, 0, 0.6, 0)),
}
"""each sign as strokes (x1, y1, x2, y2), x to the right and y down, about its middle"""
MOST_STROKES = 4
TURN, SLANT = math.radians(20), 0.25
SMALLEST, LARGEST = 0.28, 0.4
"""half the width of a sign, as a share of the picture"""


def signs(count: int, size: int, draw: Generator, *, clutter: int = 2, noise: float = 0.3) -> Examples:
    """Drawn signs (N, 1, S, S) in ten classes: each turned, slanted, scaled and moved at random, in one stroke's width.

    clutter: strokes that mean nothing, anywhere in the picture.  noise: its standard deviation, where ink is 1 and paper 0.
    >>> signs(5, 16, generator(1, "doctest")).inputs.shape
    torch.Size([5, 1, 16, 16])
    """
    labels = torch.randint(0, len(SIGNS), (count,), generator=draw)
    strokes = torch.tensor([[parts[number % len(parts)] for number in range(MOST_STROKES)] for parts in SIGNS.values()])
    ends = strokes[labels].unflatten(-1, (2, 2)) @ _distortions(count, draw)[:, None]  # (N, strokes, end, x and y)
    scale = SMALLEST + (LARGEST - SMALLEST) * torch.rand(count, 1, 1, 1, generator=draw)
    room = 0.5 - scale
    middle = 0.5 + room * (2 * torch.rand(count, 1, 1, 2, generator=draw) - 1)
    ends = middle + scale * ends
    middles = torch.rand(count, clutter, 1, 2, generator=draw)
    meaningless = middles + 0.15 * torch.randn(count, clutter, 2, 2, generator=draw)
    ink = torch.cat([_ink(part, size) for part in torch.cat([ends, meaningless], 1).split(500)])
    pictures = ink + noise * torch.randn(ink.shape, generator=draw)
    return Examples(((pictures - pictures.mean()) / pictures.std())[:, None], labels)


def _distortions(count: int, draw: Generator) -> Tensor:
    """(N, 2, 2): a turn, and a slant of the upright."""
    turn, slant = (2 * torch.rand(2, count, generator=draw) - 1).unbind()
    cosine, sine = torch.cos(TURN * turn), torch.sin(TURN * turn)
    turned = torch.stack([torch.stack([cosine, sine], -1), torch.stack([-sine, cosine], -1)], -2)
    slanted = torch.eye(2).repeat(count, 1, 1)
    slanted[:, 1, 0] = SLANT * slant
    return slanted @ turned


def _ink(ends: Tensor, size: int) -> Tensor:
    """Strokes (N, K, end, x and y) in shares of the picture -> (N, S, S): 1 within half a pixel of a stroke, 0 a pixel further."""
    places = (torch.arange(size) + 0.5) / size
    pixels = torch.stack(torch.meshgrid(places, places, indexing="xy"), -1).reshape(1, 1, -1, 2)  # (1, 1, S S, x and y)
    first, along = ends[:, :, :1], ends[:, :, 1:] - ends[:, :, :1]  # (N, K, 1, 2)
    length = along.square().sum(-1).clamp_min(1e-9)
    share = (((pixels - first) * along).sum(-1) / length).clamp(0, 1)  # (N, K, S S): the nearest point of the stroke
    distance = (pixels - first - share[..., None] * along).norm(dim=-1).amin(1)
    return (1.5 - distance * size).clamp(0, 1).reshape(len(ends), size, size)
