"""What the table of named datasets tells of each: where it comes from, its files with their sha256, its licence and whom to cite."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["DataFile", "Dataset", "Kind"]

Kind: TypeAlias = Literal["parallel text", "images", "masks"]
"""What a dataset consists of, which decides what can be trained on it."""


@dataclass(frozen=True, kw_only=True)
class DataFile:
    """One file of a dataset: its place in the data folder and the exact bytes expected there."""

    path: str
    url: str  # the official address; empty where no address serves it, and then `note` says how to come by it
    sha256: str
    size: int  # in bytes
    unpacked_sha256: str = ""  # of what a .gz holds: another packing of the same bytes serves as well
    mirror: str = ""  # another address, for files that the official one no longer serves in this version
    note: str = ""  # what to know where the bytes found are others


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A named dataset.

    Parallel text has `languages` to choose source and target from, the first two by default; images have `classes`, the names of their
    labels in order; "masks" are images with a class for every pixel, and have these too.
    """

    name: str
    kind: Kind
    title: str
    summary: str
    languages: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    files: tuple[DataFile, ...]
    licence: str
    citation: str
    url: str
