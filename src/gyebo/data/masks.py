"""Images with masks as data: a named dataset or the user's own folder, in three splits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gyebo.data.dataset import Dataset
from gyebo.data.download import Progress, data_folder, fetch
from gyebo.data.mask_config import MasksConfig
from gyebo.data.mask_files import channels_of, class_names, read_masked
from gyebo.data.mask_folders import MaskFile, find_split, split_folders
from gyebo.data.masked_images import ImageMasks, MaskedImages, fingerprint, hold_out
from gyebo.data.own_files import named_dataset, own_files
from gyebo.errors import UsageError

__all__ = ["ImageMasks", "MaskedImages", "MasksConfig", "open_masks", "open_whole_masks"]

HELD_OUT_SHARE = 0.1
CAMVID_VOID = 11
MEMBRANE_VALIDATION, MEMBRANE_TEST = (24, 25), (26, 27, 28, 29)
"""the numbers of the sections that are held out: the last ones, for a section is much like its neighbours"""
_EMPTY = MaskedImages((), (), ())


def open_masks(
    data: tuple[str, ...], config: MasksConfig, data_dir: Path | None = None, on_progress: Progress | None = None
) -> ImageMasks:
    """The images of a named dataset, ("membrane",), or of an own folder, ("cells",), with their masks.

    An own folder is laid out as `gyebo.data.mask_folders.split_folders` says. Where it has no validation or test split, images are held
    out for it.
    data_dir: the folder of named datasets (see `data_folder`); on_progress: (bytes there, bytes in all) of downloads.
    Raises UsageError for what the user named wrongly or cannot be read; GyeboError where a named dataset cannot be had; DiskError where
    the file system refuses.
    """
    if dataset := named_dataset(data, "masks"):
        _refuse_own_options(dataset, config)
        return _READERS[dataset.name](dataset, data_folder(data_dir), on_progress)
    return _open_folder(_folder(data), config)


def open_whole_masks(
    data: tuple[str, ...], config: MasksConfig, data_dir: Path | None = None, on_progress: Progress | None = None
) -> ImageMasks:
    """The same for data that are only evaluated: an own folder is not split, all of it is the test split.

    Of a folder that its owner split, it is the test split, or all where there is none; the classes are those of the whole folder.
    A named dataset keeps its splits. Raises what `open_masks` raises.
    """
    if named_dataset(data, "masks"):
        return open_masks(data, config, data_dir, on_progress)
    folder = _folder(data)
    files, notes = _files_of(folder)
    classes, channels = _classes_and_channels(files, config)
    whole = read_masked(files.get("test") or _joined(files), classes, channels, config.void)
    return _finish(folder.resolve().name, classes, (_EMPTY, _EMPTY, whole), notes)


def _files_of(folder: Path) -> tuple[dict[str, list[MaskFile]], list[str]]:
    """The files by split, "train" for those of a folder that is not split, and notes."""
    files: dict[str, list[MaskFile]] = {}
    notes: list[str] = []
    for split, (images, masks) in split_folders(folder).items():
        files[split or "train"], told = find_split(images, masks)
        notes += told
    return files, notes


def _joined(files: dict[str, list[MaskFile]]) -> list[MaskFile]:
    return [file for each in files.values() for file in each]


def _classes_and_channels(files: dict[str, list[MaskFile]], config: MasksConfig) -> tuple[tuple[str, ...], int]:
    """Of all splits together, for one of them may lack a class or colour that the others have."""
    everything = _joined(files)
    return class_names(everything, config), config.channels or channels_of(everything)


def _open_folder(folder: Path, config: MasksConfig) -> ImageMasks:
    files, notes = _files_of(folder)
    classes, channels = _classes_and_channels(files, config)
    splits = {split: read_masked(each, classes, channels, config.void) for split, each in files.items()}
    if "train" not in splits:
        raise UsageError(f"{folder} has no folder `train`, so there is nothing to train on. Put images and masks there.")
    for split, asked in (("test", config.test), ("validation", config.validation)):
        if split in splits and asked:
            raise UsageError(
                f"{folder} has a folder of its own for the {split} split, so masks.{split} does not apply. Leave it out."
            )
        if split not in splits:
            count = asked or max(1, round(HELD_OUT_SHARE * sum(map(len, files.values()))))
            splits["train"], splits[split] = hold_out(splits["train"], count)
            notes.append(f"Images held out for the {split} split, chosen by their pixels: {count:,}.")
    return _finish(folder.resolve().name, classes, (splits["train"], splits["validation"], splits["test"]), notes)


def _read_membrane(dataset: Dataset, folder: Path, on_progress: Progress | None) -> ImageMasks:
    """Black is membrane, the class that is looked for, and white is cell."""
    _fetch_all(dataset, folder, on_progress)
    files, _ = find_split(folder / "membrane" / "train" / "image", folder / "membrane" / "train" / "label")
    whole = read_masked(files, dataset.classes, channels=1, relative_to=folder)
    turned = MaskedImages(whole.images, tuple(1 - mask for mask in whole.masks), whole.names)
    numbers = [int(image.stem) for image, _ in files]
    held_out = (*MEMBRANE_VALIDATION, *MEMBRANE_TEST)
    rows = ([number for number in numbers if number not in held_out], MEMBRANE_VALIDATION, MEMBRANE_TEST)
    splits = [turned.select([numbers.index(number) for number in chosen]) for chosen in rows]
    notes = ["Its last six sections are held out, two to watch training and four to test it."]
    return _finish(dataset.name, dataset.classes, (splits[0], splits[1], splits[2]), notes, dataset)


def _read_camvid(dataset: Dataset, folder: Path, on_progress: Progress | None) -> ImageMasks:
    _fetch_all(dataset, folder, on_progress)
    splits = []
    for split in ("train", "val", "test"):
        files, _ = find_split(folder / "CamVid" / split, folder / "CamVid" / f"{split}annot")
        splits.append(read_masked(files, dataset.classes, channels=3, void=CAMVID_VOID, relative_to=folder))
    notes = ["These are 48 of CamVid's 701 images: results on them do not compare with published ones."]
    return _finish(dataset.name, dataset.classes, (splits[0], splits[1], splits[2]), notes, dataset)


_READERS: dict[str, Callable[[Dataset, Path, Progress | None], ImageMasks]] = {"membrane": _read_membrane, "camvid": _read_camvid}


def _fetch_all(dataset: Dataset, folder: Path, on_progress: Progress | None) -> None:
    for file in dataset.files:
        fetch(file, folder, on_progress)


def _refuse_own_options(dataset: Dataset, config: MasksConfig) -> None:
    changed = [name for name, value in vars(config).items() if value != getattr(MasksConfig(), name)]
    if changed:
        raise UsageError(
            f"The dataset {dataset.name} comes with its own splits and classes, so masks.{changed[0]} does not apply. Leave it out."
        )


def _folder(data: tuple[str, ...]) -> Path:
    """The one folder that the user means."""
    if len(data) != 1:
        raise UsageError(f"{len(data)} names of data were given, but one dataset or one folder of images and masks was expected.")
    (folder,) = own_files(data, "masks")
    return folder


def _finish(
    name: str,
    classes: tuple[str, ...],
    splits: tuple[MaskedImages, MaskedImages, MaskedImages],
    notes: list[str],
    dataset: Dataset | None = None,
) -> ImageMasks:
    train, validation, test = splits
    return ImageMasks(
        name=name,
        classes=classes,
        train=train,
        validation=validation,
        test=test,
        licence=dataset.licence if dataset else "",
        citation=dataset.citation if dataset else "",
        url=dataset.url if dataset else "",
        fingerprint=fingerprint(classes, splits),
        notes=tuple(notes),
    )
