"""Images as data: a named dataset or the user's own images, with a class each, in three splits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from gyebo.data.dataset import Dataset
from gyebo.data.download import Progress, data_folder
from gyebo.data.image_classes import ImageClasses, LabelledImages, fingerprint, hold_out, limited, padded
from gyebo.data.image_config import ImagesConfig
from gyebo.data.image_corpora import read_corpus
from gyebo.data.image_files import read_image
from gyebo.data.image_fitting import fitted, refuse_too_much
from gyebo.data.own_files import find_file, name_of, named_dataset, own_files
from gyebo.data.own_images import OwnImages, read_own_images
from gyebo.errors import UsageError

__all__ = ["ImageClasses", "ImagesConfig", "LabelledImages", "open_images", "open_whole_images", "read_image"]

_HELD_OUT_SHARE = 0.1
_MOST_HELD_OUT = 5_000


def open_images(
    data: tuple[str, ...],
    config: ImagesConfig,
    data_dir: Path | None = None,
    on_progress: Progress | None = None,
) -> ImageClasses:
    """The images of a named dataset, ("mnist",), of one own folder or table, ("pictures",), or of two idx files.

    data_dir: the folder of named datasets (see `data_folder`); on_progress: (bytes there, bytes in all) of downloads.
    Raises UsageError for what the user named wrongly or cannot be read; GyeboError where a named dataset cannot be had;
    DiskError where the file system refuses.

    >>> digits = open_images(("digits",), ImagesConfig(size=16))
    >>> tuple(digits.train.pixels.shape), len(digits.validation), len(digits.test)
    ((1297, 1, 16, 16), 200, 300)
    """
    if dataset := named_dataset(data, "images"):
        return _open_named(dataset, config, data_folder(data_dir), on_progress)
    return _open_own(own_files(data, "images"), config)


def open_whole_images(
    data: tuple[str, ...],
    config: ImagesConfig,
    data_dir: Path | None = None,
    on_progress: Progress | None = None,
) -> ImageClasses:
    """The same for data that are only evaluated: own images are not split, all of them are the test split.

    Of a folder that its owner split, it is the test split, or all where there is none. Its classes are those of its images, which may be
    fewer than those of the data that a model was trained on. A named dataset keeps its splits.
    Raises what `open_images` raises.
    """
    if dataset := named_dataset(data, "images"):
        return _open_named(dataset, config, data_folder(data_dir), on_progress)
    files = own_files(data, "images")
    own = read_own_images(files, config.size, config.channels)
    test = own.splits.get("test") or _joined(own.splits)
    nothing = test.select(torch.empty(0, dtype=torch.int64))
    return _finish(name_of(files[0]), own.classes, [nothing, nothing, test], [*own.notes], replace(config, limit=0), ("", "", ""))


# Named datasets


def _open_named(dataset: Dataset, config: ImagesConfig, folder: Path, on_progress: Progress | None) -> ImageClasses:
    corpus = read_corpus(dataset, folder, on_progress)
    _refuse_own_splits(dataset, config, has_validation=corpus.validation is not None)
    train, validation, notes = corpus.train, corpus.validation, [*corpus.notes]
    if validation is None:
        train, validation = hold_out(train, config.validation or _default_held_out(len(train)))
        notes.append(f"{len(validation):,} of its training images are held out for validation.")
    parts = (train, validation, corpus.test)
    _, channels, size, _ = train.pixels.shape
    refuse_too_much(
        dataset.name,
        sum(map(len, parts)),
        config.size or size,
        config.channels or channels,
        "Choose a smaller size with images.size; images.limit does not help, for it chooses among images already scaled.",
    )
    splits = [replace(images, pixels=fitted(images.pixels, config.size, config.channels)) for images in parts]
    return _finish(dataset.name, dataset.classes, splits, notes, config, (dataset.licence, dataset.citation, dataset.url))


def _default_held_out(count: int) -> int:
    return max(1, min(_MOST_HELD_OUT, round(count * _HELD_OUT_SHARE)))


def _refuse_own_splits(dataset: Dataset, config: ImagesConfig, *, has_validation: bool) -> None:
    refused = ["test", "test_files", "validation_files"] + (["validation"] if has_validation else [])
    for name in refused:
        if getattr(config, name):
            raise UsageError(
                f"The dataset {dataset.name} comes with its own splits, so images.{name} does not apply. Leave it out."
            )


# Own images


def _open_own(files: tuple[Path, ...], config: ImagesConfig) -> ImageClasses:
    own = read_own_images(files, config.size, config.channels)
    train, notes = _training(files[0], own), [*own.notes]
    default = _default_held_out(len(train))
    held_out: dict[str, LabelledImages] = {}
    for split, words, count in (
        ("test", config.test_files, config.test),
        ("validation", config.validation_files, config.validation),
    ):
        if words or split in own.splits:
            if words and split in own.splits:
                raise UsageError(
                    f"{files[0]} has a {split} split of its own, so images.{split}_files does not apply. Leave one out."
                )
            if count:
                raise UsageError(
                    f"The {split} split comes from files of its own, so images.{split} does not apply. Leave it out, or the files."
                )
            held_out[split] = own.splits[split] if split in own.splits else _read_split(split, words, own, notes)
        else:
            train, held_out[split] = hold_out(train, count or default)
    splits = [train, held_out["validation"], held_out["test"]]
    return _finish(name_of(files[0]), own.classes, splits, notes, config, ("", "", ""))


def _training(data: Path, own: OwnImages) -> LabelledImages:
    """What may be trained on; every class must be in it, and more than one."""
    train = own.splits["train"] if "train" in own.splits else own.splits[""]
    if len(own.classes) < 2:
        raise UsageError(
            f"All {len(train):,} images of {data} are of one class, {''.join(own.classes)!r}, and there is nothing to tell apart. "
            "Add images of a second class."
        )
    untrained = [name for number, name in enumerate(own.classes) if number not in set(train.labels.tolist())]
    if untrained:
        raise UsageError(
            f"{data} has no training image of {', '.join(map(repr, untrained))}, though its other splits have. "
            "Add some to the training images, or remove the class from the others."
        )
    return train


def _read_split(split: str, words: tuple[str, ...], own: OwnImages, notes: list[str]) -> LabelledImages:
    """Images of files named for one split, in the size, the channels and the classes of those trained on."""
    files = tuple(find_file(word, set()) for word in words)
    _, channels, size, _ = next(iter(own.splits.values())).pixels.shape
    more = read_own_images(files, size, channels, own.classes)
    notes += more.notes
    return more.splits.get(split) or _joined(more.splits)


def _joined(splits: dict[str, LabelledImages]) -> LabelledImages:
    parts = list(splits.values())
    if len(parts) == 1:
        return parts[0]
    return LabelledImages(
        torch.cat([images.pixels for images in parts]),
        torch.cat([images.labels for images in parts]),
        tuple(name for images in parts for name in images.names),
    )


def _finish(
    name: str,
    classes: tuple[str, ...],
    splits: list[LabelledImages],
    notes: list[str],
    config: ImagesConfig,
    origin: tuple[str, str, str],
) -> ImageClasses:
    train, validation, test = splits
    if config.limit and config.limit < len(train):
        whole, train = len(train), limited(train, config.limit)
        notes = [*notes, f"{len(train):,} of {whole:,} training images are used."]
    if config.padding:
        _, channels, size, _ = test.pixels.shape
        refuse_too_much(
            name,
            len(train) + len(validation) + len(test),
            size + 2 * config.padding,
            channels,
            "Choose a smaller images.padding or images.size, or fewer images to train on with images.limit.",
        )
    train, validation, test = (padded(images, config.padding) for images in (train, validation, test))
    licence, citation, url = origin
    return ImageClasses(
        name=name,
        classes=classes,
        train=train,
        validation=validation,
        test=test,
        licence=licence,
        citation=citation,
        url=url,
        fingerprint=fingerprint(classes, (train, validation, test)),
        notes=tuple(notes),
    )
