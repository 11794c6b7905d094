"""Parallel text: a named dataset or the user's own files as clean sentence pairs in three splits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gyebo.data.corpora import choose_direction, multi30k_rows, tatoeba_rows
from gyebo.data.dataset import Dataset
from gyebo.data.download import Progress, data_folder
from gyebo.data.formats import read_pairs
from gyebo.data.own_files import find_file, name_of, named_dataset, own_files
from gyebo.data.pairs import Pairs, clean, fingerprint, split_by_source
from gyebo.data.parallel_datasets import DATES, MULTI30K
from gyebo.errors import UsageError

__all__ = ["Pairs", "PairsConfig", "ParallelText", "open_parallel", "open_whole"]

_HELD_OUT_SHARE = 0.05
_MOST_HELD_OUT = 1_000

_DATES_NOTES: tuple[str, ...] = (
    "A text that writes day and month as digits begins with <en>, <fr> or <ko>: <en> 3/4/2009 is March 4, "
    "<fr> 3/4/2009 is April 3.",
    "Years of two digits mean 1970 to 2069.",
)


@dataclass(frozen=True, kw_only=True)
class PairsConfig:
    """Which pairs of a dataset or file are used, and how they are split: the [pairs] table of a recipe."""

    source: str = ""
    """A language of the dataset ("de"); for an own file the column's name, or its number counted from 1."""
    target: str = ""
    """Like source, for the other side."""
    validation: int = 0
    """Pairs held out to watch training, where the data has no such split; 0 means 5 %, at most 1,000."""
    test: int = 0
    """Pairs held out for the final evaluation, where the data has no such split; 0 means 5 %, at most 1,000."""
    validation_files: tuple[str, ...] = ()
    """Own files for the validation split: one table, or two line-aligned files."""
    test_files: tuple[str, ...] = ()
    """Own files for the test split."""
    limit: int = 0
    """Train on the first so many pairs only; 0 keeps all."""

    def __post_init__(self) -> None:
        for name in ("validation", "test", "limit"):
            if getattr(self, name) < 0:
                raise ValueError(f"pairs.{name} is {getattr(self, name)}, but a count of pairs cannot be negative.")


@dataclass(frozen=True, kw_only=True)
class ParallelText:
    """Sentence pairs in three splits, with their origin.

    Every text is normalised (`gyebo.data.text.normalise`) and not empty.  A language is "" where nothing tells it.
    fingerprint: sha256 over all texts, so equal fingerprints mean equal data.
    notes: what was done to the data that its user should know, a sentence each.
    """

    name: str
    source_language: str
    target_language: str
    train: Pairs
    validation: Pairs
    test: Pairs
    licence: str
    citation: str
    url: str
    fingerprint: str
    notes: tuple[str, ...]

    def facts(self) -> dict[str, Any]:
        """What a run folder keeps of its data, as plain JSON values: everything but the texts."""
        told = ("name", "source_language", "target_language", "licence", "citation", "url", "fingerprint")
        sizes = {split: len(getattr(self, split)) for split in ("train", "validation", "test")}
        return {name: getattr(self, name) for name in told} | sizes | {"notes": list(self.notes)}


def open_parallel(
    data: tuple[str, ...],
    config: PairsConfig,
    data_dir: Path | None = None,
    on_progress: Progress | None = None,
) -> ParallelText:
    """The pairs of a named dataset, ("multi30k",), of one own table, ("mine.tsv",), or of two line-aligned files.

    data_dir: the folder of named datasets (see `data_folder`); on_progress: (bytes there, bytes in all) of downloads.
    Raises UsageError for what the user named wrongly or cannot be read; GyeboError where a named dataset cannot be
    had; DiskError where the file system refuses.

    >>> open_parallel(("dates",), PairsConfig(limit=3)).train.target
    ('2015-12-20', '2011-11-16', '1986-07-25')
    """
    if dataset := named_dataset(data, "parallel text"):
        return _open_named(dataset, config, data_folder(data_dir), on_progress)
    return _open_files(own_files(data, "parallel text"), config)


def open_whole(data: tuple[str, ...], config: PairsConfig, data_dir: Path | None = None) -> ParallelText:
    """The same for data that are only evaluated: own files are not split, all their pairs are the test split.

    A named dataset keeps its splits. Raises what `open_parallel` raises.
    """
    if named_dataset(data, "parallel text"):
        return open_parallel(data, config, data_dir)
    files = own_files(data, "parallel text")
    table = read_pairs(files, config.source, config.target)
    pairs, dropped = _clean_files(table.rows, files)
    return _finish(
        name_of(files[0]),
        (table.source_language, table.target_language),
        (Pairs(), Pairs(), pairs),
        [*table.notes, *_dropped_notes(dropped)],
        PairsConfig(),
        ("", "", ""),
    )


# Named datasets


def _open_named(dataset: Dataset, config: PairsConfig, folder: Path, on_progress: Progress | None) -> ParallelText:
    direction = choose_direction(dataset, config.source, config.target)
    if dataset == DATES:
        if direction.source != "date":
            raise UsageError("The dataset dates goes from 'date' to 'iso' only. Leave pairs.source and pairs.target out.")
        from gyebo.data.dates import generate_dates  # imports Babel

        _refuse_own_splits(dataset, config)
        splits, notes = generate_dates(), list(_DATES_NOTES)
    elif dataset == MULTI30K:
        _refuse_own_splits(dataset, config)
        cleaned = [clean(rows) for rows in multi30k_rows(direction, folder, on_progress)]
        splits = (cleaned[0][0], cleaned[1][0], cleaned[2][0])
        notes = _dropped_notes(sum(dropped for _, dropped in cleaned))
    else:
        pairs, dropped = clean(tatoeba_rows(dataset, direction, folder, on_progress))
        splits, notes = _split(pairs, config)
        notes = [*_dropped_notes(dropped), *notes]
    return _finish(
        dataset.name,
        (direction.source, direction.target),
        splits,
        notes,
        config,
        (dataset.licence, dataset.citation, dataset.url),
    )


def _refuse_own_splits(dataset: Dataset, config: PairsConfig) -> None:
    for name in ("validation", "test", "validation_files", "test_files"):
        if getattr(config, name):
            raise UsageError(
                f"The dataset {dataset.name} comes with its own validation and test splits, so pairs.{name} does not "
                "apply. Leave it out."
            )


# Own files


def _open_files(files: tuple[Path, ...], config: PairsConfig) -> ParallelText:
    table = read_pairs(files, config.source, config.target)
    pairs, dropped = _clean_files(table.rows, files)
    splits, notes = _split(pairs, config)
    return _finish(
        name_of(files[0]),
        (table.source_language, table.target_language),
        splits,
        [*table.notes, *_dropped_notes(dropped), *notes],
        config,
        ("", "", ""),
    )


def _clean_files(rows: list[tuple[str, str]], files: tuple[Path, ...]) -> tuple[Pairs, int]:
    pairs, dropped = clean(rows)
    if not pairs:
        names = " and ".join(str(file) for file in files)
        raise UsageError(f"{names}: all {dropped:,} pairs have an empty side. Check that the right columns are read.")
    return pairs, dropped


# Splits


def _split(pairs: Pairs, config: PairsConfig) -> tuple[tuple[Pairs, Pairs, Pairs], list[str]]:
    """Train, validation and test: from the config's own files where it names them, else held out from `pairs`."""
    default = max(1, min(_MOST_HELD_OUT, round(len(pairs) * _HELD_OUT_SHARE)))
    train, validation, test = split_by_source(
        pairs,
        validation=0 if config.validation_files else config.validation or default,
        test=0 if config.test_files else config.test or default,
    )
    notes: list[str] = []
    if config.validation_files:
        validation, more = _read_split("validation", config.validation_files, train, config)
        notes += more
    if config.test_files:
        test, more = _read_split("test", config.test_files, train, config)
        notes += more
    return (train, validation, test), notes


def _read_split(split: str, words: tuple[str, ...], train: Pairs, config: PairsConfig) -> tuple[Pairs, list[str]]:
    files = tuple(find_file(word, set()) for word in words)
    table = read_pairs(files, config.source, config.target)
    pairs, dropped = _clean_files(table.rows, files)
    notes = [*table.notes, *_dropped_notes(dropped)]
    shared = len(set(pairs.source) & set(train.source))
    if shared:
        notes.append(f"{shared:,} source sentences of the {split} files are also trained on.")
    return pairs, notes


def _dropped_notes(dropped: int) -> list[str]:
    if not dropped:
        return []
    return [f"{dropped:,} pair{'s' if dropped > 1 else ''} with an empty side dropped."]


def _finish(
    name: str,
    languages: tuple[str, str],
    splits: tuple[Pairs, Pairs, Pairs],
    notes: list[str],
    config: PairsConfig,
    origin: tuple[str, str, str],
) -> ParallelText:
    train, validation, test = splits
    if config.limit and config.limit < len(train):
        notes = [*notes, f"The first {config.limit:,} of {len(train):,} training pairs are used."]
        train = train.first(config.limit)
    licence, citation, url = origin
    return ParallelText(
        name=name,
        source_language=languages[0],
        target_language=languages[1],
        train=train,
        validation=validation,
        test=test,
        licence=licence,
        citation=citation,
        url=url,
        fingerprint=fingerprint((train, validation, test)),
        notes=tuple(notes),
    )
