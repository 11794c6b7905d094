"""Folders of images and their masks: where the files are, and which mask belongs to which image.  No image is opened here."""

from __future__ import annotations

import unicodedata
from pathlib import Path

from gyebo.data.image_folders import IMAGE_ENDINGS, SPLIT_NAMES, refuse_two_folders
from gyebo.errors import UsageError, disk_errors

__all__ = ["MaskFile", "find_split", "is_mask_folder", "mask_beside", "split_folders"]

IMAGE_FOLDERS = ("images", "image")
MASK_FOLDERS = ("masks", "mask", "labels", "label")
MASK_ENDING = "annot"
"""CamVid's: the masks of train/ are in trainannot/"""

MaskFile = tuple[Path, Path]
"""an image and its mask"""


def split_folders(folder: Path) -> dict[str, tuple[Path, Path]]:
    """The folders of images and of masks, by split, in the order of splits: "" for a folder that is not split.

    FOLDER/images and FOLDER/masks; or these two in FOLDER/train, FOLDER/val and FOLDER/test; or FOLDER/train and FOLDER/trainannot,
    and so on.  `image`, `mask`, `label` and `labels` are understood too, and the `SPLIT_NAMES`, in capital letters or small.
    Raises UsageError, saying what was expected, where there is nothing of the kind, and where several folders are one split, naming
    them.
    """
    if found := _splits(folder):
        for split, pairs in found.items():
            refuse_two_folders(split, list(pairs))
        return {split: pair for split, pairs in found.items() for pair in pairs.values()}
    raise UsageError(
        f"In {folder}, no images with masks were found: a folder `images` and a folder `masks` were expected, with equal names inside, or"
        " these two in folders `train`, `val` and `test`. Put the files there, or name their folder."
    )


def is_mask_folder(folder: Path) -> bool:
    """Whether a folder is laid out as `split_folders` says."""
    return bool(_splits(folder))


def _splits(folder: Path) -> dict[str, dict[Path, tuple[Path, Path]]]:
    """What `split_folders` finds, or nothing: for each split the folders of its name, with those of images and of masks."""
    with disk_errors(folder, "looking into"):
        folders = _folders_in(folder) if folder.is_dir() else {}
        if whole := _image_and_mask(folders):
            return {"": {folder: whole}}
        found: dict[str, dict[Path, tuple[Path, Path]]] = {}
        for split in dict.fromkeys(SPLIT_NAMES.values()):
            for name in sorted(name for name in folders if SPLIT_NAMES.get(name.lower()) == split):
                pair = _image_and_mask(_folders_in(folders[name])) or (
                    (folders[name], folders[name + MASK_ENDING]) if name + MASK_ENDING in folders else None
                )
                if pair:
                    found.setdefault(split, {})[folders[name]] = pair
    return found if "train" in found or "test" in found else {}


def _folders_in(folder: Path) -> dict[str, Path]:
    return {path.name: path for path in folder.iterdir() if path.is_dir()}


def _image_and_mask(folders: dict[str, Path]) -> tuple[Path, Path] | None:
    images = next((folders[name] for name in IMAGE_FOLDERS if name in folders), None)
    masks = next((folders[name] for name in MASK_FOLDERS if name in folders), None)
    return (images, masks) if images and masks else None


def find_split(images: Path, masks: Path) -> tuple[list[MaskFile], list[str]]:
    """The images of a folder in the order of their names, numbers by size, each with its mask: the file of the same name but for the
    ending; and notes, such as of masks without an image.

    Raises UsageError naming the first image without a mask, or the folder where it holds no image.
    """
    image_files, mask_files = _images_in(images), {_stem(path): path for path in _images_in(masks)}
    if not image_files:
        raise UsageError(
            f"The folder {images} holds no image ({', '.join(IMAGE_ENDINGS)}). Put images there, or name another folder."
        )
    found = []
    for path in image_files:
        if _stem(path) not in mask_files:
            raise UsageError(
                f"The image {path} has no mask: a file {masks / path.stem}.png was expected, of the same name and any ending of an image."
                " Add the mask, or remove the image."
            )
        found.append((path, mask_files.pop(_stem(path))))
    left = sorted(str(path) for path in mask_files.values())
    notes = [f"Masks that belong to no image and were left out: {len(left):,}, such as {left[0]}."] if left else []
    return found, notes


def _images_in(folder: Path) -> list[Path]:
    with disk_errors(folder, "looking into"):
        files = [path for path in folder.iterdir() if path.suffix.lower() in IMAGE_ENDINGS and path.is_file()]
    return sorted(files, key=lambda path: (_number(path), path.name))


def _stem(path: Path) -> str:
    """The name without its ending; one written as NFD, as by macOS, reads the same and is meant."""
    return unicodedata.normalize("NFC", path.stem)


def _number(path: Path) -> tuple[bool, int]:
    return (False, int(path.stem)) if path.stem.isascii() and path.stem.isdecimal() else (True, 0)


def mask_beside(image: Path) -> Path | None:
    """The mask of an image in one of the layouts of `split_folders`; None where there is none."""
    folder = image.parent
    candidates = [folder.parent / name for name in MASK_FOLDERS] if folder.name in IMAGE_FOLDERS else []
    for masks in (*candidates, folder.with_name(folder.name + MASK_ENDING)):
        if masks.is_dir():
            for path in _images_in(masks):
                if _stem(path) == _stem(image):
                    return path
    return None
