"""The named datasets of images, as they stand in their files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import torch
from torch import Tensor

from gyebo.data.archives import read_files
from gyebo.data.cifar import read_binary_archive
from gyebo.data.dataset import Dataset
from gyebo.data.download import Progress, fetch
from gyebo.data.idx import read_idx_images
from gyebo.data.image_classes import LabelledImages, hold_out
from gyebo.data.image_files import decode_image
from gyebo.errors import GyeboError

__all__ = ["Corpus", "read_corpus"]

_DIGITS = Path(__file__).parent / "digits"
_CIFAR_SIZE = 32
_SUBSET_NOTE = (
    "A part of CIFAR-10, 12,000 and 4,000 of its images as lossy JPEG copies: no published result compares with those on it."
)


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """A dataset as its authors split it; validation is None where they left that to others."""

    train: LabelledImages
    validation: LabelledImages | None
    test: LabelledImages
    notes: tuple[str, ...] = ()


def read_corpus(dataset: Dataset, folder: Path, on_progress: Progress | None = None) -> Corpus:
    """A named dataset of images, its files fetched first where they are not there.  Raises what `fetch` and the readers raise."""
    files = [fetch(file, folder, on_progress) for file in dataset.files]
    return _READERS[dataset.name](dataset, files)


def _read_digits(dataset: Dataset, files: list[Path]) -> Corpus:
    """The pixels are 0 to 16 in the file, each scaled to a level of its own in 0 to 255."""
    pixels, labels = read_idx_images(_DIGITS / "images-idx3-ubyte.gz", _DIGITS / "labels-idx1-ubyte.gz")
    images = _numbered(dataset, "", (pixels.float() * (255 / 16)).round().byte(), labels)
    rest, test = hold_out(images, 300)
    train, validation = hold_out(rest, 200)
    return Corpus(train=train, validation=validation, test=test)


def _read_mnist(dataset: Dataset, files: list[Path]) -> Corpus:
    train, test = read_idx_images(*files[:2]), read_idx_images(*files[2:])
    return Corpus(train=_numbered(dataset, "train", *train), validation=None, test=_numbered(dataset, "t10k", *test))


def _read_cifar10(dataset: Dataset, files: list[Path]) -> Corpus:
    train, test = read_binary_archive(files[0])
    return Corpus(train=_numbered(dataset, "train", *train), validation=None, test=_numbered(dataset, "test", *test))


def _read_cifar10_subset(dataset: Dataset, files: list[Path]) -> Corpus:
    """CIFAR-10-images/{train,test}/<class>/NNNN.jpg"""
    numbers = {name: number for number, name in enumerate(dataset.classes)}
    splits: dict[str, tuple[list[Tensor], list[int], list[str]]] = {"train": ([], [], []), "test": ([], [], [])}
    for name, data in read_files(files[0]):
        where = PurePosixPath(name).parts[1:]
        if len(where) != 3 or where[0] not in splits or where[1] not in numbers:
            raise GyeboError(
                f"{files[0]} has a member {name!r}, but CIFAR-10-images/(train or test)/(class)/(number).jpg was expected."
            )
        pixels, labels, names = splits[where[0]]
        pixels.append(decode_image(data, f"{name} in {files[0]}", _CIFAR_SIZE, channels=3))
        labels.append(numbers[where[1]])
        names.append("/".join(where))
    train, test = (
        LabelledImages(torch.stack(pixels), torch.tensor(labels), tuple(names)) for pixels, labels, names in splits.values()
    )
    return Corpus(train=train, validation=None, test=test, notes=(_SUBSET_NOTE,))


def _numbered(dataset: Dataset, split: str, pixels: Tensor, labels: Tensor) -> LabelledImages:
    """Images that have no names of their own, named by their place in the file, counted from 0."""
    prefix = f"{dataset.name} {split}".strip()
    return LabelledImages(pixels, labels, tuple(f"{prefix} {number}" for number in range(len(labels))))


_READERS = {
    "digits": _read_digits,
    "mnist": _read_mnist,
    "fashion-mnist": _read_mnist,
    "cifar10": _read_cifar10,
    "cifar10-subset": _read_cifar10_subset,
}
