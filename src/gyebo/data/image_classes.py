"""Images with a class each, in three splits: the containers, and how images are held out and limited."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from gyebo.errors import UsageError

__all__ = ["ImageClasses", "LabelledImages", "channel_statistics", "fingerprint", "hold_out", "limited", "padded"]

_SPLIT_KEY = b"gyebo image split 1"  # changing it moves images between the splits of every unsplit collection


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Images of one size with the number of their class.

    pixels: uint8, (N, C, H, W); labels: int64, (N,); names: where each came from, for reports.
    Raises ValueError where these disagree.
    """

    pixels: Tensor
    labels: Tensor
    names: Sequence[str]

    def __post_init__(self) -> None:
        if self.pixels.dtype != torch.uint8 or self.pixels.dim() != 4:
            raise ValueError(f"Pixels are {self.pixels.dtype} {tuple(self.pixels.shape)}; uint8 (N, C, H, W) was expected.")
        if self.labels.dtype != torch.int64 or self.labels.shape != self.pixels.shape[:1]:
            raise ValueError(f"Labels are {self.labels.dtype} {tuple(self.labels.shape)} beside {len(self.pixels)} images.")
        if len(self.names) != len(self.pixels):
            raise ValueError(f"{len(self.names)} names cannot belong to {len(self.pixels)} images.")

    def __len__(self) -> int:
        return len(self.labels)

    def select(self, rows: Tensor) -> LabelledImages:
        """These images, in this order; rows (M,) int64."""
        return LabelledImages(self.pixels[rows], self.labels[rows], tuple(map(self.names.__getitem__, rows.tolist())))


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageClasses:
    """Images of several classes in three splits, all of one size, with their origin.

    classes: the name of each label, NFC.  A split may be empty.
    fingerprint: sha256 over classes, labels and pixels, so equal fingerprints mean equal data.
    notes: what was done to the data that its user should know, a sentence each.
    """

    name: str
    classes: tuple[str, ...]
    train: LabelledImages
    validation: LabelledImages
    test: LabelledImages
    licence: str
    citation: str
    url: str
    fingerprint: str
    notes: tuple[str, ...]

    def facts(self) -> dict[str, Any]:
        """What a run folder keeps of its data, as plain JSON values: everything but the pixels and labels."""
        _, channels, height, width = self.test.pixels.shape
        sizes = {split: len(getattr(self, split)) for split in ("train", "validation", "test")}
        return {
            "name": self.name,
            "classes": list(self.classes),
            "channels": channels,
            "height": height,
            "width": width,
            "licence": self.licence,
            "citation": self.citation,
            "url": self.url,
            "fingerprint": self.fingerprint,
            **sizes,
            "notes": list(self.notes),
        }


def fingerprint(classes: Sequence[str], splits: Sequence[LabelledImages]) -> str:
    """The sha256 over the names of the classes and over all labels and pixels in order."""
    digest = hashlib.sha256("\t".join(classes).encode())
    for images in splits:
        digest.update(f"\n{tuple(images.pixels.shape)}\n".encode())
        digest.update(images.labels.numpy().data)
        digest.update(np.ascontiguousarray(images.pixels.numpy()).data)
    return digest.hexdigest()


def channel_statistics(pixels: Tensor) -> tuple[list[float], list[float]]:
    """Mean and standard deviation of each channel, of pixels in [0, 1]: (N, C, H, W) uint8, N > 0, from exact sums.

    >>> channel_statistics(torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1))
    ([0.5], [0.5])
    """
    means, deviations = [], []
    levels = np.arange(256)
    for channel in range(pixels.shape[1]):
        counts = np.zeros(256, dtype=np.int64)
        for part in pixels[:, channel].split(4_096):  # a count of bytes widens them to 8 bytes each: a few images at a time
            counts += np.bincount(part.numpy().ravel(), minlength=256)
        total = int(counts.sum())
        mean = int(counts @ levels) / total
        means.append(mean / 255)
        deviations.append((float(counts @ (levels - mean) ** 2) / total) ** 0.5 / 255)
    return means, deviations


def padded(images: LabelledImages, padding: int) -> LabelledImages:
    """The images with so many black pixels more on every side."""
    if not padding:
        return images
    return LabelledImages(F.pad(images.pixels, (padding,) * 4), images.labels, images.names)


def hold_out(images: LabelledImages, count: int) -> tuple[LabelledImages, LabelledImages]:
    """(kept, held out): about `count` images are held out, each class in its share, chosen by the pixels alone.

    Within a class, images are ranked by a hash of their pixels, and equal images go together, so no image stands in both parts under
    the same class. So the parts depend neither on the order of the images nor on a random generator. At least one image of each class
    is kept, and the parts keep the order of `images`.
    Raises UsageError where nothing would be left to train on.
    """
    if count >= len(images):
        raise UsageError(
            f"Holding out {count:,} images leaves nothing to train on, for there are {len(images):,} in all. "
            "Ask for fewer with images.validation and images.test, or name files for these splits."
        )
    held_out = torch.zeros(len(images), dtype=torch.bool)
    held_out[_chosen(images, count, most_of_a_class=-1)] = True
    return images.select((~held_out).nonzero()[:, 0]), images.select(held_out.nonzero()[:, 0])


def limited(images: LabelledImages, count: int) -> LabelledImages:
    """About `count` images, each class in its share, chosen as by `hold_out`, in the order of `images`."""
    return images.select(torch.tensor(sorted(_chosen(images, count, most_of_a_class=0)), dtype=torch.int64))


def _chosen(images: LabelledImages, count: int, most_of_a_class: int) -> list[int]:
    """The first images of each class by the hash of their pixels, `most_of_a_class` (0 or less) added to how many it has."""
    members: dict[int, list[int]] = {}
    for row, label in enumerate(images.labels.tolist()):
        members.setdefault(label, []).append(row)
    shares = _shares({label: len(rows) for label, rows in members.items()}, count)
    pixels = np.ascontiguousarray(images.pixels.numpy()).reshape(-1).data
    image_bytes = len(pixels) // max(1, len(images))
    chosen: list[int] = []
    for label, rows in members.items():
        room = min(shares[label], len(rows) + most_of_a_class)
        groups: dict[bytes, list[int]] = {}
        for row in rows:
            digest = hashlib.blake2b(pixels[row * image_bytes : (row + 1) * image_bytes], key=_SPLIT_KEY, digest_size=16).digest()
            groups.setdefault(digest, []).append(row)
        for digest in sorted(groups):
            if room == 0:
                break
            if len(groups[digest]) <= room:
                chosen += groups[digest]
                room -= len(groups[digest])
    return chosen


def _shares(sizes: dict[int, int], count: int) -> dict[int, int]:
    """`count` shared out in proportion to the sizes by largest remainders; of equal remainders, that of the smaller label first.

    >>> _shares({0: 50, 1: 30, 2: 20}, 12)
    {0: 6, 1: 4, 2: 2}
    """
    total = sum(sizes.values())
    shares = {label: count * size // total for label, size in sizes.items()}
    by_remainder = sorted(sizes, key=lambda label: (-(count * sizes[label] % total), label))
    for label in by_remainder[: count - sum(shares.values())]:
        shares[label] += 1
    return shares
