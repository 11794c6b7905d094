"""What classifying and segmenting share of the numbers that they learn of their images: the file, its checks, and standardising."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from gyebo.config import from_mapping
from gyebo.errors import GyeboError, UsageError

__all__ = ["check_colour_axes", "read_preprocessing", "standardised"]

Learned = TypeVar("Learned")

MOST_CHARACTERS = 2**24  # of preprocessing.json, before memory is taken
MOST_KEPT = 16  # centers and scales of a process: of several runs, on several devices


def read_preprocessing(kind: type[Learned], path: Path) -> Learned:
    """Read a preprocessing.json; kind: the config that was written to it.  Raises GyeboError for a file that is missing or damaged."""
    mend = "Restore the file, or train the run again under another --name."
    try:
        with path.open(encoding="utf-8") as file:
            return from_mapping(kind, json.loads(file.read(MOST_CHARACTERS)), str(path))
    except (OSError, ValueError, RecursionError) as error:  # missing, not UTF-8, not JSON, nested too deeply
        raise GyeboError(f"{path} cannot be read ({error}). {mend}") from error
    except UsageError as error:
        raise GyeboError(f"{error} {mend}") from error


def check_colour_axes(axes: Sequence[Sequence[float]], channels: int) -> None:
    """Raise ValueError where there are axes, but not one for each channel with a number for each."""
    if axes and {len(axes), *map(len, axes)} != {channels}:
        raise ValueError(f"colour_axes={axes} do not belong to {channels} channels.")


def standardised(pixels: Tensor, mean: tuple[float, ...], deviation: tuple[float, ...]) -> Tensor:
    """Bytes (..., C, H, W) less the mean of their channel, divided by its deviation; both are those of pixels from 0 to 1.

    >>> standardised(torch.tensor([0, 102, 255], dtype=torch.uint8).view(1, 1, 3), mean=(0.4,), deviation=(0.2,))
    tensor([[[-2.,  0.,  3.]]])
    """
    center, scale = _center_and_scale(mean, deviation, pixels.device)
    return (pixels.float() - center).mul_(scale)


@lru_cache(MOST_KEPT)
def _center_and_scale(mean: tuple[float, ...], deviation: tuple[float, ...], device: torch.device) -> tuple[Tensor, Tensor]:
    """Of bytes, (C, 1, 1) each, kept on the device, so that no step waits for them."""
    center, scale = (torch.tensor(numbers, dtype=torch.float32, device=device).mul(255) for numbers in (mean, deviation))
    return center[:, None, None], scale.reciprocal()[:, None, None]
