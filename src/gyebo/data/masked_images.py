"""Images with a class for every pixel, in three splits: the containers, what is counted in them, and how images are held out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gyebo.data.image_classes import channel_statistics
from gyebo.errors import UsageError

__all__ = ["VOID", "ImageMasks", "MaskedImages", "fingerprint", "hold_out", "label_counts", "pixel_statistics"]

VOID = 255
"""the class number of a pixel that nobody has labelled: no loss and no metric counts it"""

_SPLIT_KEY = b"gyebo mask split 1"  # changing it moves images between the splits of every unsplit folder


@dataclass(frozen=True)
class MaskedImages:
    """Images, each with a mask of its own size; sizes may differ from image to image.

    images: uint8 (C, H, W) each; masks: uint8 (H, W) each, class numbers or VOID; names: the files of the images, for reports.
    Raises ValueError where these disagree.
    """

    images: tuple[Tensor, ...]
    masks: tuple[Tensor, ...]
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if not len(self.images) == len(self.masks) == len(self.names):
            raise ValueError(
                f"{len(self.images)} images, {len(self.masks)} masks and {len(self.names)} names do not belong together."
            )
        for name, image, mask in zip(self.names, self.images, self.masks, strict=True):
            if image.dtype != torch.uint8 or mask.dtype != torch.uint8 or image.dim() != 3 or image.shape[1:] != mask.shape:
                raise ValueError(f"{name}: {image.dtype} {tuple(image.shape)} beside {mask.dtype} {tuple(mask.shape)}.")

    def __len__(self) -> int:
        return len(self.images)

    def select(self, rows: Sequence[int]) -> MaskedImages:
        """These images, in this order."""
        chosen = ((self.images[row], self.masks[row], self.names[row]) for row in rows)
        return MaskedImages(*zip(*chosen, strict=True)) if rows else MaskedImages((), (), ())


@dataclass(frozen=True, kw_only=True)
class ImageMasks:
    """Images and masks in three splits, with their origin.

    classes: the name of each class number, NFC.  A split may be empty.
    fingerprint: sha256 over classes, masks and pixels, so equal fingerprints mean equal data.
    notes: what was done to the data that its user should know, a sentence each.
    """

    name: str
    classes: tuple[str, ...]
    train: MaskedImages
    validation: MaskedImages
    test: MaskedImages
    licence: str
    citation: str
    url: str
    fingerprint: str
    notes: tuple[str, ...]

    def facts(self) -> dict[str, Any]:
        """What a run folder keeps of its data, as plain JSON values: everything but pixels and masks."""
        sizes = {split: len(getattr(self, split)) for split in ("train", "validation", "test")}
        return {
            "name": self.name,
            "classes": list(self.classes),
            "channels": self.test.images[0].shape[0],
            "licence": self.licence,
            "citation": self.citation,
            "url": self.url,
            "fingerprint": self.fingerprint,
            **sizes,
            "notes": list(self.notes),
        }


def fingerprint(classes: Sequence[str], splits: Sequence[MaskedImages]) -> str:
    """The sha256 over the names of the classes and over all masks and pixels in order."""
    digest = hashlib.sha256("\t".join(classes).encode())
    for split in splits:
        digest.update(f"\n{len(split)}\n".encode())
        for image, mask in zip(split.images, split.masks, strict=True):
            digest.update(f"{tuple(image.shape)}\n".encode())
            digest.update(mask.numpy().tobytes())
            digest.update(image.numpy().tobytes())
    return digest.hexdigest()


def label_counts(images: MaskedImages) -> list[int]:
    """How many pixels have each of the class numbers 0 to 255, the last of which is VOID."""
    counts = np.zeros(256, dtype=np.int64)
    for mask in images.masks:
        counts += np.bincount(mask.numpy().ravel(), minlength=256)
    return counts.tolist()


def pixel_statistics(images: MaskedImages) -> tuple[list[float], list[float]]:
    """As `channel_statistics`: mean and standard deviation of each channel over all pixels of at least one image, whatever its size."""
    pixels = torch.cat([image.flatten(1) for image in images.images], 1)  # (C, all pixels)
    return channel_statistics(pixels[None, :, None])


def hold_out(images: MaskedImages, count: int) -> tuple[MaskedImages, MaskedImages]:
    """(kept, held out): `count` images are held out, chosen by a hash of their pixels, whatever their order and names.

    Images with equal pixels get equal ranks, so where one of them is held out its twins follow before any other.
    Raises UsageError where nothing would be left to train on.
    """
    if count >= len(images):
        raise UsageError(
            f"Holding out {count:,} images leaves nothing to train on, for there are {len(images):,} in all. Ask for fewer with"
            " masks.validation and masks.test, give more images, or name a folder for these splits."
        )
    digests = [hashlib.blake2b(each.numpy().tobytes(), key=_SPLIT_KEY).digest() for each in images.images]
    ranked = sorted(range(len(images)), key=lambda row: (digests[row], row))
    chosen = set(ranked[:count])
    rows = range(len(images))
    return images.select([row for row in rows if row not in chosen]), images.select([row for row in rows if row in chosen])
