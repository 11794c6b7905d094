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
