"""Images as data: a named dataset or the user's own images, with a class each, in three splits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gyebo.data.download import Progress, data_folder
from gyebo.data.image_classes import ImageClasses, LabelledImages, fingerprint, hold_out, limited, padded
from gyebo.data.image_config import ImagesConfig
from gyebo.data.image_corpora import read_corpus
from gyebo.data.image_files import read_image
from gyebo.data.image_fitting import fitted
from gyebo.data.registry import Dataset, all_datasets, find_dataset
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
    """The images of a named dataset, ("mnist",).

    data_dir: the folder of named datasets (see `data_folder`); on_progress: (bytes there, bytes in all) of downloads.
    Raises UsageError for what the user named wrongly or cannot be read; GyeboError where a named dataset cannot be had;
    DiskError where the file system refuses.

    >>> digits = open_images(("digits",), ImagesConfig(size=16))
    >>> tuple(digits.train.pixels.shape), len(digits.validation), len(digits.test)
    ((1297, 1, 16, 16), 200, 300)
    """
    return _open_named(find_dataset(data[0]), config, data_folder(data_dir), on_progress)


def open_whole_images(
    data: tuple[str, ...],
    config: ImagesConfig,
    data_dir: Path | None = None,
    on_progress: Progress | None = None,
) -> ImageClasses:
    """The same for data that are only evaluated: own images are not split, all of them are the test split.

    A named dataset keeps its splits. Raises what `open_images` raises.
    """
    return open_images(data, config, data_dir, on_progress)


def _open_named(dataset: Dataset, config: ImagesConfig, folder: Path, on_progress: Progress | None) -> ImageClasses:
    corpus = read_corpus(dataset, folder, on_progress)
    _refuse_own_splits(dataset, config, has_validation=corpus.validation is not None)
    train, validation, notes = corpus.train, corpus.validation, []
    if validation is None:
        train, validation = hold_out(train, config.validation or _default_held_out(len(train)))
        notes = [f"{len(validation):,} of its training images are held out for validation."]
    splits = [_fit(images, config) for images in (train, validation, corpus.test)]
    return _finish(dataset.name, dataset.classes, splits, notes, config, (dataset.licence, dataset.citation, dataset.url))


def _fit(images: LabelledImages, config: ImagesConfig) -> LabelledImages:
    return replace(images, pixels=fitted(images.pixels, config.size, config.channels))


def _default_held_out(count: int) -> int:
    return max(1, min(_MOST_HELD_OUT, round(count * _HELD_OUT_SHARE)))


def _refuse_own_splits(dataset: Dataset, config: ImagesConfig, *, has_validation: bool) -> None:
    refused = ["test", "test_files", "validation_files"] + (["validation"] if has_validation else [])
    for name in refused:
        if getattr(config, name):
            raise UsageError(
                f"The dataset {dataset.name} comes with its own splits, so images.{name} does not apply. Leave it out."
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
