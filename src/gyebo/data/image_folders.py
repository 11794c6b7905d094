"""Which own images there are and of which class each is: a folder a class, or a table of paths.  No image is opened here.

A folder with a folder a class:      mine/cat/1.png      mine/개/2.jpg
The same, split by its owner:        mine/train/cat/1.png      mine/val/cat/2.png      mine/test/cat/3.png
A table, .csv or .tsv, with the columns `path`, from the table's own folder on, and `label`:      cat/1.png,cat

Class names are NFC, however the file system spells them. Files of other kinds beside the images, and hidden ones, are left out.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gyebo.data.formats import Row, csv_rows, tsv_rows
from gyebo.data.text import normalise
from gyebo.errors import UsageError, did_you_mean, disk_errors

__all__ = [
    "IMAGE_ENDINGS",
    "SPLIT_NAMES",
    "Entry",
    "Listing",
    "is_idx_file",
    "is_image_table",
    "list_images",
    "refuse_two_folders",
]

IMAGE_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".pgm", ".ppm", ".pbm", ".pnm")

SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
}
"""The split that a folder holds, by its name in small letters; the splits stand in their order."""

_SHOWN = 5  # of many faults in one message
_COLUMNS = ("path", "label")


@dataclass(frozen=True)
class Entry:
    """An image that is to be read: its file, its class, and its split, "" where the owner made none."""

    path: Path
    label: str
    split: str = ""


@dataclass(frozen=True)
class Listing:
    """The images of a folder or table in the order of their names, and what its user should know, a sentence each."""

    entries: tuple[Entry, ...]
    notes: tuple[str, ...] = ()


def is_idx_file(path: Path) -> bool:
    """Whether a file's name says that it is idx: train-images-idx3-ubyte, t10k-labels.idx1-ubyte.gz, mine.idx.

    >>> is_idx_file(Path("train-images-idx3-ubyte.gz")), is_idx_file(Path("train.csv"))
    (True, False)
    """
    return path.name.lower().removesuffix(".gz").endswith((".idx", "-ubyte"))


def is_image_table(path: Path) -> bool:
    """Whether a file is a table with the columns `path` and `label`."""
    if not _is_table(path):
        return False
    first = next(_table_rows(path), (1, []))
    return set(_COLUMNS) <= set(_header(first[1]))


def list_images(path: Path) -> Listing:
    """The images of a folder or of a table.  Raises UsageError where there are none, or none that can be had."""
    if path.is_dir():
        return _list_folder(path)
    if _is_table(path):
        return _list_table(path)
    raise UsageError(
        f"{path} is neither a folder of images nor a table of their paths (.csv, .tsv). Name a folder that holds a folder a class, a table "
        "with the columns path and label, or an idx file of images and that of their labels."
    )


# Folders


def _list_folder(folder: Path) -> Listing:
    with disk_errors(folder, "reading the folder"):
        folders = _folders(folder)
        splits = {name: SPLIT_NAMES[name.lower()] for name in folders if name.lower() in SPLIT_NAMES}
        if "train" in splits.values() and all(_folders(path) for name in splits for path in folders[name]):
            for split in dict.fromkeys(splits.values()):
                refuse_two_folders(split, [path for name in splits if splits[name] == split for path in folders[name]])
            listings = [_list_classes(path, split) for name, split in splits.items() for path in folders[name]]
            others = [name for name in folders if name not in splits]
            notes = [f"Beside its splits, {folder} holds {', '.join(others)}, which is left out."] if others else []
            return Listing(
                tuple(entry for listing in listings for entry in listing.entries),
                (*notes, *(note for listing in listings for note in listing.notes)),
            )
        return _list_classes(folder, "")


def refuse_two_folders(split: str, folders: Sequence[Path]) -> None:
    """Raise UsageError where several folders are one split by their names, for which is meant cannot be known."""
    if len(folders) > 1:
        are = "are both" if len(folders) == 2 else "are all"
        raise UsageError(
            f"{' and '.join(map(str, folders))} {are} the {split} split, but one folder for it was expected. Join them, or "
            "rename those that are not meant."
        )


def _folders(folder: Path) -> dict[str, list[Path]]:
    """The folders inside, without hidden ones, by their names in NFC, of which two spellings may stand side by side."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.name.startswith("."):
            found.setdefault(unicodedata.normalize("NFC", path.name), []).append(path)
    return found


def _list_classes(folder: Path, split: str) -> Listing:
    entries: list[Entry] = []
    notes: list[str] = []
    others: list[str] = []
    for name, paths in _folders(folder).items():
        files = sorted(file for path in paths for file in path.rglob("*") if file.is_file() and not file.name.startswith("."))
        images = [file for file in files if file.suffix.lower() in IMAGE_ENDINGS]
        others += [str(file.relative_to(folder)) for file in files if file.suffix.lower() not in IMAGE_ENDINGS]
        if not images:
            notes.append(f"The folder {paths[0]} holds no image, so there is no class {name!r} in {split or 'the data'}.")
        entries += [Entry(file, name, split) for file in images]
    if others:
        notes.append(f"{_some(others)} in {folder} {'is' if len(others) == 1 else 'are'} no image by the ending, and left out.")
    if not entries:
        inside = [path for path in folder.iterdir() if path.is_file()]
        if any(is_idx_file(path) for path in inside):
            mend = "It holds idx files: name the one of images and the one of labels."
        elif any(path.suffix.lower() in IMAGE_ENDINGS for path in inside):
            mend = "It holds images, but of no class: move those of each class into a folder with its name."
        else:
            mend = f"A folder a class with images ({', '.join(IMAGE_ENDINGS)}) in it was expected."
        raise UsageError(f"{folder} holds no folder with images. {mend}")
    return Listing(tuple(entries), tuple(notes))


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


# Tables


def _is_table(path: Path) -> bool:
    return path.name.lower().removesuffix(".gz").endswith((".csv", ".tsv"))


def _table_rows(path: Path) -> Iterator[Row]:
    return csv_rows(path) if path.name.lower().removesuffix(".gz").endswith(".csv") else tsv_rows(path)


def _header(cells: list[str]) -> list[str]:
    return [cell.strip().lower() for cell in cells]


def _list_table(table: Path) -> Listing:
    rows = list(_table_rows(table))
    header = _header(rows[0][1]) if rows else []
    for column in _COLUMNS:
        if column not in header:
            there = f"its first row is {', '.join(map(repr, header))}. {did_you_mean(column, header)}" if header else "it is empty."
            raise UsageError(f"{table} has no column {column!r}; {there} Its first row must name the columns path and label.")
    path_column, label_column = (header.index(column) for column in _COLUMNS)
    entries: list[Entry] = []
    missing: list[str] = []
    for line, cells in rows[1:]:
        if len(cells) <= max(path_column, label_column):
            raise UsageError(f"{table}, line {line} has {len(cells)} of {len(header)} columns. Complete the row, or remove it.")
        label = normalise(cells[label_column])
        if not label:
            raise UsageError(f"{table}, line {line} has no label. Write the class of {cells[path_column]!r}, or remove the row.")
        file = _find_image(table.parent, cells[path_column].strip())
        if file is None:
            missing.append(f"{cells[path_column]!r} in line {line}")
        else:
            entries.append(Entry(file, label))
    if missing:
        raise UsageError(
            f"{table} names {len(missing):,} file{'s' if len(missing) > 1 else ''} not there: {_some(missing)}. Paths count from the "
            f"table's folder, {table.parent}: correct them, or remove the rows."
        )
    if not entries:
        raise UsageError(f"{table} names no image: it has no row below its header. Add a row for each image.")
    return Listing(tuple(entries))


def _find_image(folder: Path, word: str) -> Path | None:
    """The file, in whichever normal form of Unicode the file system spells it."""
    for form in (word, unicodedata.normalize("NFC", word), unicodedata.normalize("NFD", word)):
        path = folder / Path(form).expanduser()
        with disk_errors(path, "looking for"):
            if word and path.is_file():
                return path
    return None
