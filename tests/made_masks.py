"""Small images with round cells and their masks, made from a seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from gyebo.data.masked_images import VOID, ImageMasks, MaskedImages, fingerprint

__all__ = ["discs", "folder_of", "image_masks"]


def discs(
    count: int, seed: int, size: tuple[int, int] = (32, 40), channels: int = 1, classes: int = 2, void: bool = False
) -> MaskedImages:
    """Discs, each of its class and brighter the higher that is, on noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: size[0], : size[1]]
    images, masks = [], []
    for _ in range(count):
        mask = np.zeros(size, np.uint8)
        for number in range(1, classes):
            for _ in range(3):
                top, left, radius = rng.integers(size[0]), rng.integers(size[1]), rng.integers(3, 7)
                mask[(y - top) ** 2 + (x - left) ** 2 < radius**2] = number
        pixels = 50 + 150 * mask / (classes - 1) + rng.normal(0, 15, (channels, *size))
        if void:
            mask[:2] = VOID
        images.append(torch.from_numpy(pixels.clip(0, 255).astype(np.uint8)))
        masks.append(torch.from_numpy(mask))
    return MaskedImages(tuple(images), tuple(masks), tuple(f"{seed}-{number}.png" for number in range(count)))


def image_masks(name: str = "discs", **options: object) -> ImageMasks:
    """Eight images to train on, and two for each other split."""
    splits = [discs(count, seed, **options) for seed, count in enumerate((8, 2, 2))]  # type: ignore[arg-type]
    number = int(options.get("classes", 2))  # type: ignore[call-overload]
    classes = ("ground", "disc") if number == 2 else tuple(f"class {each}" for each in range(number))
    return ImageMasks(
        name=name,
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


def folder_of(images: MaskedImages, folder: Path) -> Path:
    """The images as a user keeps them: `images` and `masks`, these black and white where there are two classes."""
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for number, (image, mask) in enumerate(zip(images.images, images.masks, strict=True)):
        Image.fromarray(image[0].numpy()).save(folder / "images" / f"{number}.png")
        Image.fromarray(mask.numpy() * (255 if mask.max() <= 1 else 1)).save(folder / "masks" / f"{number}.png")
    return folder
