"""The named datasets of images, as they stand in their files: digits, which are part of gyebo, so far."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from gyebo.data.download import Progress
from gyebo.data.idx import read_idx_images
from gyebo.data.image_classes import LabelledImages, hold_out
from gyebo.data.registry import Dataset

__all__ = ["Corpus", "read_corpus"]

_DIGITS = Path(__file__).parent / "digits"


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """A dataset as its authors split it; validation is None where they left that to others."""

    train: LabelledImages
    validation: LabelledImages | None
    test: LabelledImages


def read_corpus(dataset: Dataset, folder: Path, on_progress: Progress | None = None) -> Corpus:
    """A named dataset of images, its files fetched first where they are not there.  Raises what `fetch` and `read_idx` raise."""
    return _READERS[dataset.name](dataset, folder, on_progress)


def _read_digits(dataset: Dataset, folder: Path, on_progress: Progress | None) -> Corpus:
    """The pixels are 0 to 16 in the file, each scaled to its own level of 0 to 255."""
    pixels, labels = read_idx_images(_DIGITS / "images-idx3-ubyte.gz", _DIGITS / "labels-idx1-ubyte.gz")
    images = _numbered(dataset, "", (pixels.float() * (255 / 16)).round().byte(), labels)
    rest, test = hold_out(images, 300)
    train, validation = hold_out(rest, 200)
    return Corpus(train=train, validation=validation, test=test)


def _numbered(dataset: Dataset, split: str, pixels: Tensor, labels: Tensor) -> LabelledImages:
    """Images that have no names of their own, named by their place in the file, counted from 0."""
    prefix = f"{dataset.name} {split}".strip()
    return LabelledImages(pixels, labels, tuple(f"{prefix} {number}" for number in range(len(labels))))


_READERS = {"digits": _read_digits}
