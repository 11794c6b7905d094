"""Images that are made up: a class a corner that is bright, noise elsewhere."""

from __future__ import annotations

import torch

from gyebo.data.image_classes import ImageClasses, LabelledImages, fingerprint

__all__ = ["CLASSES", "SIZE", "corners", "image_classes"]

CLASSES = ("top left", "top right", "bottom")
SIZE = 6


def corners(count: int, seed: int, classes: int = len(CLASSES), channels: int = 1) -> LabelledImages:
    """So many images, of the classes in turn."""
    draw = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % classes
    pixels = torch.randint(0, 120, (count, channels, SIZE, SIZE), dtype=torch.uint8, generator=draw)
    for image, label in enumerate(labels.tolist()):
        rows, columns = (
            (slice(0, 3), slice(0, 3)) if label == 0 else (slice(0, 3), slice(3, 6)) if label == 1 else (slice(3, 6),) * 2
        )
        pixels[image, :, rows, columns] += 100
    return LabelledImages(pixels, labels, [f"image {seed}-{number}" for number in range(count)])


def image_classes(
    train: LabelledImages | None = None,
    validation: LabelledImages | None = None,
    test: LabelledImages | None = None,
    classes: tuple[str, ...] = CLASSES,
) -> ImageClasses:
    """60, 12 and 15 images, unless told otherwise."""
    splits = (train or corners(60, 1), validation or corners(12, 2), test or corners(15, 3))
    return ImageClasses(
        name="corners",
        classes=classes,
        train=splits[0],
        validation=splits[1],
        test=splits[2],
        licence="",
        citation="",
        url="",
        fingerprint=fingerprint(classes, splits),
        notes=(),
    )
