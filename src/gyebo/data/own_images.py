"""The user's own images in memory: all of one size, with what could not be read told or refused."""

from __future__ import annotations

import statistics
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from gyebo.data.idx import read_idx_images
from gyebo.data.image_classes import LabelledImages
from gyebo.data.image_files import ImageHeader, read_header, read_image
from gyebo.data.image_fitting import fitted, refuse_too_much
from gyebo.data.image_folders import Entry, is_idx_file, list_images
from gyebo.errors import UsageError, did_you_mean

__all__ = ["OwnImages", "read_own_images"]

_MOST_OF_UNLIKE = 64  # pixels that images of different sizes are scaled to where none is asked for
_BROKEN_SHARE = 100  # one broken image in so many is left out; more are refused
_SHOWN = 5
_NEED_LESS = "Choose a smaller size with images.size, or fewer images."


@dataclass(frozen=True)
class OwnImages:
    """Images by split: "train", "validation" and "test" where their owner split them, else "" alone."""

    classes: tuple[str, ...]
    splits: dict[str, LabelledImages]
    notes: tuple[str, ...]


def read_own_images(files: tuple[Path, ...], size: int, channels: int, classes: tuple[str, ...] = ()) -> OwnImages:
    """A folder of images, a table of paths, or an idx file of images with that of their labels.

    size, channels: as in `ImagesConfig`. classes: those that there may be; without any, all that there are.
    One image that cannot be read, or one in a hundred, is left out and told in the notes; more are refused.
    Raises UsageError naming the files and how to mend them.
    """
    if len(files) == 2 and all(map(is_idx_file, files)):
        return _read_idx(files, size, channels, classes)
    if len(files) != 1 or is_idx_file(files[0]):
        raise UsageError(
            f"{' and '.join(map(str, files)) or 'No file at all'} cannot be read as images: one folder with a folder a class, one table of "
            "paths (.csv, .tsv), or an idx file of images and that of their labels was expected."
        )
    listing = list_images(files[0])
    notes = list(listing.notes)
    if not (size and channels):
        size, channels, more = _shape_of(listing.entries, size, channels)
        notes += more
    entries, pixels, more = _read_entries(files[0], listing.entries, size, channels)
    notes += more
    classes = classes or _in_order({entry.label for entry in entries})
    numbers = {name: number for number, name in enumerate(classes)}
    for entry in entries:
        if entry.label not in numbers:
            raise _unknown_class(entry.label, str(entry.path), classes)
    labels = torch.tensor([numbers[entry.label] for entry in entries])
    images = LabelledImages(pixels, labels, tuple(_shown_name(entry.path, files[0]) for entry in entries))
    rows: dict[str, list[int]] = {}
    for row, entry in enumerate(entries):
        rows.setdefault(entry.split, []).append(row)
    return OwnImages(classes, {split: images.select(torch.tensor(chosen)) for split, chosen in rows.items()}, tuple(notes))


def _shown_name(path: Path, data: Path) -> str:
    return unicodedata.normalize("NFC", str(path.relative_to(data) if path.is_relative_to(data) else path))


def _in_order(classes: set[str]) -> tuple[str, ...]:
    """By number where all are numbers, else by letters.

    >>> _in_order({"10", "9"}), _in_order({"고양이", "개"})
    (('9', '10'), ('개', '고양이'))
    """
    numbers = all(name.isascii() and name.isdigit() for name in classes)
    return tuple(sorted(classes, key=lambda name: (int(name) if numbers else 0, name)))


def _unknown_class(label: str, where: str, classes: Sequence[str]) -> UsageError:
    return UsageError(
        f"{where} is of the class {label!r}, which the training images do not have. {did_you_mean(label, classes)} "
        "Remove it, or add images of this class to those trained on."
    )


# idx files


def _read_idx(files: tuple[Path, ...], size: int, channels: int, classes: tuple[str, ...]) -> OwnImages:
    pixels, numbers = read_idx_images(*files)
    found = sorted({*numbers.tolist()})
    classes = classes or tuple(map(str, found))
    for number in found:
        if str(number) not in classes:
            raise _unknown_class(str(number), f"An image of {files[0]}", classes)
    positions = torch.zeros(256, dtype=torch.int64)
    for position, name in enumerate(classes):
        if name.isascii() and name.isdigit() and int(name) < 256:
            positions[int(name)] = position
    height, width = pixels.shape[2:]
    notes: tuple[str, ...] = ()
    if not size and height != width:
        size = min(_MOST_OF_UNLIKE, height, width)
        notes = (f"The images of {files[0]} are {height} x {width} pixels, not square: {_scaled_to(size)}",)
    refuse_too_much(files[0], len(pixels), size or height, channels or 1, _NEED_LESS)
    names = tuple(f"{files[0].name} {number}" for number in range(len(pixels)))
    return OwnImages(classes, {"": LabelledImages(fitted(pixels, size, channels), positions[numbers], names)}, notes)


def _scaled_to(size: int) -> str:
    """How a note on images that are no squares of one size ends."""
    return f"the middle of each is scaled to {size} x {size}. images.size chooses another size."


# Image files


def _shape_of(entries: Iterable[Entry], size: int, channels: int) -> tuple[int, int, list[str]]:
    """The size and channels that suit all images; those that cannot be read are met again when they are."""
    headers: list[ImageHeader] = []
    for entry in entries:
        try:
            headers.append(read_header(entry.path))
        except UsageError:
            continue
    notes: list[str] = []
    if not size:
        sizes = sorted({(header.height, header.width) for header in headers})
        if len(sizes) == 1 and sizes[0][0] == sizes[0][1]:
            size = sizes[0][0]
        elif sizes:
            size = min(_MOST_OF_UNLIKE, int(statistics.median(min(header.height, header.width) for header in headers)))
            told = " to ".join(f"{height} x {width}" for height, width in dict.fromkeys((sizes[0], sizes[-1])))
            notes.append(f"The images are {told} pixels, not all alike and square: {_scaled_to(size)}")
        else:
            size = _MOST_OF_UNLIKE
    if not channels:
        grey = sum(header.is_grey for header in headers)
        channels = 1 if headers and grey == len(headers) else 3
        if 0 < grey < len(headers):
            notes.append(f"{grey:,} of {len(headers):,} images are grey; all are read as colour, as the others are.")
    return size, channels, notes


def _read_entries(data: Path, entries: Sequence[Entry], size: int, channels: int) -> tuple[list[Entry], Tensor, list[str]]:
    """The entries that could be read and their pixels, (N, C, size, size)."""
    refuse_too_much(data, len(entries), size, channels, _NEED_LESS)
    pixels = torch.empty((len(entries), channels, size, size), dtype=torch.uint8)
    read: list[Entry] = []
    faults: list[UsageError] = []
    for entry in entries:
        try:
            pixels[len(read)] = read_image(entry.path, size, channels)
        except UsageError as fault:
            faults.append(fault)
        else:
            read.append(entry)
    if not faults:
        return read, pixels, []
    told = " ".join(map(str, faults[:_SHOWN])) + (f" And {len(faults) - _SHOWN:,} more." if len(faults) > _SHOWN else "")
    if not read or len(faults) > max(1, len(entries) // _BROKEN_SHARE):
        raise UsageError(
            f"{len(faults):,} of the {len(entries):,} images of {data} cannot be read; only one, or one in a hundred, is left out. {told}"
        )
    return (
        read,
        pixels[: len(read)].clone(),
        [
            f"{len(faults):,} of {len(entries):,} images could not be read and {'is' if len(faults) == 1 else 'are'} left out: {told}"
        ],
    )
