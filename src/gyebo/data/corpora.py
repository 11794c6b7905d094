"""The registered corpora of sentence pairs, read from the data folder: Multi30k, and ManyThings' pairs of Tatoeba."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gyebo.data.archives import read_member
from gyebo.data.dataset import Dataset
from gyebo.data.download import Progress, fetch
from gyebo.data.formats import read_pairs, split_lines
from gyebo.data.parallel_datasets import FRA_ENG, KOR_ENG, MULTI30K
from gyebo.data.text import decode_text
from gyebo.errors import GyeboError, UsageError

__all__ = ["Direction", "choose_direction", "multi30k_rows", "tatoeba_rows"]

Rows = list[tuple[str, str]]
_MULTI30K_SPLITS = ("train", "val", "test_2016_flickr")


@dataclass(frozen=True)
class Direction:
    """From which language to which."""

    source: str
    target: str


def choose_direction(dataset: Dataset, source: str, target: str) -> Direction:
    """The languages asked for, or the dataset's first two; where one is given, the other is the first that is left.

    Raises UsageError for a language that the dataset lacks, and for twice the same.
    """
    for language in (source, target):
        if language and language not in dataset.languages:
            raise UsageError(
                f"The dataset {dataset.name} has no language {language!r}; it has {', '.join(dataset.languages)}. "
                "Choose two of them with pairs.source and pairs.target."
            )
    source = source or next(language for language in dataset.languages if language != target)
    target = target or next(language for language in dataset.languages if language != source)
    if source == target:
        raise UsageError(f"Source and target are both {source!r}. Choose two of {', '.join(dataset.languages)}.")
    return Direction(source, target)


def multi30k_rows(direction: Direction, folder: Path, on_progress: Progress | None = None) -> tuple[Rows, Rows, Rows]:
    """The rows of train, val and test_2016_flickr; only the files of the two languages are fetched."""
    files = {Path(file.path).name: file for file in MULTI30K.files}
    splits: list[Rows] = []
    for split in _MULTI30K_SPLITS:
        source, target = (
            fetch(files[f"{split}.{language}.gz"], folder, on_progress) for language in (direction.source, direction.target)
        )
        splits.append(read_pairs((source, target)).rows)
    train, validation, test = splits
    return train, validation, test


def tatoeba_rows(dataset: Dataset, direction: Direction, folder: Path, on_progress: Progress | None = None) -> Rows:
    """All rows of a ManyThings archive: English, the other language and, in newer ones, an attribution (dropped)."""
    member = {FRA_ENG.name: "fra.txt", KOR_ENG.name: "kor.txt"}[dataset.name]
    archive = fetch(dataset.files[0], folder, on_progress)
    where = f"{member} in {archive}"
    rows = [line.split("\t") for line in split_lines(decode_text(read_member(archive, member), where))]
    for number, cells in enumerate(rows, start=1):
        if len(cells) < 2:
            raise GyeboError(f"{where}, line {number} has no tab, but English, a tab and a translation were expected.")
    left, right = (dataset.languages.index(language) for language in (direction.source, direction.target))
    return [(cells[left], cells[right]) for cells in rows]
