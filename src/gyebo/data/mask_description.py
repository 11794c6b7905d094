"""What is in images with masks, as plain JSON values: origin, sizes, how much of each split is of which class, and pixels' statistics."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from gyebo.data.masked_images import VOID, ImageMasks, MaskedImages, label_counts, pixel_statistics

__all__ = ["describe_masks", "mask_samples"]


def describe_masks(data: ImageMasks) -> dict[str, Any]:
    """Origin and statistics. Mean and deviation are of the training pixels in [0, 1], one a channel, or of the test's where none train.

    The facts of `ImageMasks.facts` with, instead of the sizes of the splits, and with height and width as the least and the largest:
    {"height": [360, 360], "width": [480, 480], "mean": [...], "deviation": [...],
     "splits": {"train": {"images": 32, "pixels": 5529600, "void_share": 0.02, "classes": {"sky": 0.17, ...}}, "validation": ...}}
    The share of a class is of the labelled pixels, so that shares add up to 1, and that of void is of all pixels.
    """
    splits = {"train": data.train, "validation": data.validation, "test": data.test}
    sizes = [mask.shape for split in splits.values() for mask in split.masks]
    mean, deviation = pixel_statistics(data.train if len(data.train) else data.test)
    facts = {key: value for key, value in data.facts().items() if key not in splits}
    return facts | {
        **{name: [min(lengths), max(lengths)] for name, lengths in zip(("height", "width"), zip(*sizes, strict=True), strict=True)},
        "mean": [round(number, 5) for number in mean],
        "deviation": [round(number, 5) for number in deviation],
        "splits": {name: _describe_split(split, data.classes) for name, split in splits.items()},
    }


def _describe_split(images: MaskedImages, classes: Sequence[str]) -> dict[str, Any]:
    counts = label_counts(images)
    pixels = sum(counts)
    return {
        "images": len(images),
        "pixels": pixels,
        "void_share": round(counts[VOID] / max(1, pixels), 5),
        "classes": _shares(counts[: len(classes)], classes),
    }


def _shares(counts: Sequence[int], classes: Sequence[str]) -> dict[str, float]:
    total = max(1, sum(counts))
    return {name: round(count / total, 5) for name, count in zip(classes, counts, strict=True)}


def mask_samples(data: ImageMasks, count: int, seed: int = 0) -> list[tuple[str, dict[str, float]]]:
    """Name and shares of the classes that there are, largest first, of `count` different training images, or all where there are fewer.

    The same ones for the same seed.
    """
    train = data.train
    chosen = random.Random(seed).sample(range(len(train)), min(count, len(train)))
    return [(train.names[row], _largest_first(train.select([row]), data.classes)) for row in chosen]


def _largest_first(images: MaskedImages, classes: Sequence[str]) -> dict[str, float]:
    shares = _shares(label_counts(images)[: len(classes)], classes)
    return {name: share for name, share in sorted(shares.items(), key=lambda item: -item[1]) if share}
