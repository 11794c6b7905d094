"""What the user names as data: one of the named datasets, or own files and folders."""

from __future__ import annotations

import difflib
import unicodedata
from pathlib import Path

from gyebo.data.dataset import Dataset, Kind
from gyebo.data.image_folders import is_idx_file, is_image_table
from gyebo.data.mask_folders import is_mask_folder
from gyebo.data.registry import all_datasets, find_dataset
from gyebo.errors import UsageError, did_you_mean, disk_errors

__all__ = ["find_file", "kind_of", "name_of", "named_dataset", "own_files"]


def kind_of(data: tuple[str, ...]) -> Kind:
    """Of what kind the named dataset is, or the files: a folder, idx files and a table with the columns path and label are images, but a
    folder with masks beside its images is masks.

    Other files count as text, whose reader then says what they lack.
    Raises UsageError naming the nearest dataset or file for what is not there, and where a table cannot be read, and DiskError where
    the file system refuses.
    """
    if dataset := named_dataset(data):
        return dataset.kind
    for path in own_files(data):
        with disk_errors(path, "looking for"):
            if path.is_dir() and is_mask_folder(path):
                return "masks"
            if path.is_dir() or is_idx_file(path) or (path.is_file() and is_image_table(path)):
                return "images"
    return "parallel text"


def named_dataset(data: tuple[str, ...], kind: Kind | None = None) -> Dataset | None:
    """The dataset that `data` name, or None where they name files.  Raises UsageError for one of another kind, or beside files."""
    names = {dataset.name for dataset in all_datasets()}
    if len(data) == 1 and data[0] in names:
        return find_dataset(data[0], kind)
    for word in data:
        if word in names and not Path(word).exists():
            raise UsageError(f"The dataset {word!r} cannot be mixed with files. Name the dataset alone.")
    return None


def own_files(data: tuple[str, ...], kind: Kind | None = None) -> tuple[Path, ...]:
    """The files and folders that the user means, one a word.

    Raises UsageError naming the nearest dataset, of the kind where one is asked for, or file.
    """
    names = {dataset.name for dataset in all_datasets(kind)}
    return tuple(find_file(word, names) for word in data)


def find_file(word: str, names: set[str]) -> Path:
    """The file or folder that the user means by a word; names: of datasets, to suggest where there is none.

    Raises UsageError naming the nearest dataset or file.
    """
    path = Path(word).expanduser()
    with disk_errors(path, "looking for"):
        if path.exists():
            return path
        neighbours = list(path.parent.iterdir()) if path.parent.is_dir() else []
    for near in neighbours:
        if unicodedata.normalize("NFC", near.name) == unicodedata.normalize("NFC", path.name):
            return near  # a name written as NFD, as by macOS, reads the same and is meant
    choices = names.union(difflib.get_close_matches(word, map(str, neighbours), n=1))
    raise UsageError(f"{word!r} is neither a named dataset nor a file that is there. {did_you_mean(word, choices)}")


def name_of(file: Path) -> str:
    """What own data are called: the file's name up to its first dot, wherever one stands that calls it by `.` or `..`.

    >>> name_of(Path("pairs.tsv.gz")), name_of(Path("photos/cats/.."))
    ('pairs', 'photos')
    """
    name = file.resolve().name if file.name in ("", "..") else file.name
    return name.removesuffix(".gz").split(".")[0] or name
