"""What is in images of several classes, as plain JSON values: origin, sizes, how many of each class, and the pixels' statistics."""

from __future__ import annotations

import random
from typing import Any

import torch

from gyebo.data.image_classes import ImageClasses, LabelledImages, channel_statistics

__all__ = ["describe_images", "image_samples"]


def describe_images(images: ImageClasses) -> dict[str, Any]:
    """Origin and statistics. Mean and deviation are of the training pixels in [0, 1], one a channel, or of the test's where none train.

    The facts of `ImageClasses.facts` with, instead of the sizes of the splits:
    {"mean": [...], "deviation": [...], "splits": {"train": {"images": 90, "classes": {"cat": 50, "dog": 40}}, "validation": ...}}
    """
    splits = {"train": images.train, "validation": images.validation, "test": images.test}
    mean, deviation = channel_statistics((images.train if len(images.train) else images.test).pixels)
    facts = {key: value for key, value in images.facts().items() if key not in splits}
    return facts | {
        "mean": [round(number, 5) for number in mean],
        "deviation": [round(number, 5) for number in deviation],
        "splits": {name: {"images": len(split), "classes": _counts(split, images.classes)} for name, split in splits.items()},
    }


def _counts(images: LabelledImages, classes: tuple[str, ...]) -> dict[str, int]:
    return dict(zip(classes, torch.bincount(images.labels, minlength=len(classes)).tolist(), strict=True))


def image_samples(images: ImageClasses, count: int, seed: int = 0) -> list[tuple[str, str]]:
    """Name and class of `count` different training images, or all where there are fewer; the same ones for the same seed."""
    train = images.train
    chosen = random.Random(seed).sample(range(len(train)), min(count, len(train)))
    return [(train.names[row], images.classes[int(train.labels[row])]) for row in chosen]
