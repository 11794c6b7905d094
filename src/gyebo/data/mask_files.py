"""Folders of images and their masks: where the files are, which mask belongs to which image, and what its values mean."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

from torch import Tensor

from gyebo.data.image_files import read_header, read_levels, read_whole_image
from gyebo.data.image_folders import IMAGE_ENDINGS
from gyebo.data.mask_config import MOST_CLASSES, MasksConfig
from gyebo.data.masked_images import VOID, MaskedImages
from gyebo.errors import UsageError, disk_errors

__all__ = ["MaskFile", "channels_of", "class_names", "class_numbers", "find_split", "mask_beside", "read_masked", "split_folders"]

IMAGE_FOLDERS = ("images", "image")
MASK_FOLDERS = ("masks", "mask", "labels", "label")
SPLITS = {"train": ("train", "training"), "validation": ("val", "validation", "valid"), "test": ("test",)}
MASK_ENDING = "annot"
"""CamVid's: the masks of train/ are in trainannot/"""
BACKGROUND_AND_FOREGROUND = ("background", "foreground")

MaskFile = tuple[Path, Path]
"""an image and its mask"""


def split_folders(folder: Path) -> dict[str, tuple[Path, Path]]:
    """The folders of images and of masks, by split: "" for a folder that is not split.

    FOLDER/images and FOLDER/masks; or these two in FOLDER/train, FOLDER/val and FOLDER/test; or FOLDER/train and FOLDER/trainannot,
    and so on.  `image`, `mask`, `label` and `labels` are understood too.
    Raises UsageError, saying what was expected, where there is nothing of the kind.
    """
    with disk_errors(folder, "looking into"):
        folders = {path.name: path for path in folder.iterdir() if path.is_dir()} if folder.is_dir() else {}
    if whole := _image_and_mask(folders):
        return {"": whole}
    found = {}
    for split, names in SPLITS.items():
        for name in (each for each in names if each in folders):
            inside = {path.name: path for path in folders[name].iterdir() if path.is_dir()}
            pair = _image_and_mask(inside) or (
                (folders[name], folders[name + MASK_ENDING]) if name + MASK_ENDING in folders else None
            )
            if pair:
                found[split] = pair
    if "train" in found or "test" in found:
        return found
    raise UsageError(
        f"In {folder}, no images with masks were found: a folder `images` and a folder `masks` were expected, with equal names inside, or"
        " these two in folders `train`, `val` and `test`. Put the files there, or name their folder."
    )


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


def class_names(files: Sequence[MaskFile], config: MasksConfig) -> tuple[str, ...]:
    """The names of the classes: the config's, or what the masks' values tell.

    Raises UsageError where the values leave gaps, as in a smoothed mask, or there is only one.
    """
    if config.classes:
        return tuple(unicodedata.normalize("NFC", name) for name in config.classes)
    first: dict[int, Path] = {}
    for _, path in files:
        for value in read_levels(path).unique().tolist():
            first.setdefault(value, path)
    values = sorted(first.keys() - {config.void})
    if values in ([0, 255], [0, 1]):
        return BACKGROUND_AND_FOREGROUND
    if len(values) < 2:
        raise UsageError(
            f"All masks beside {files[0][1]} have the one value {values[0] if values else config.void}, and telling classes apart takes"
            " two. Give masks of another class too, or name the classes with masks.classes."
        )
    if values != list(range(len(values))) or len(values) > MOST_CLASSES:
        odd = next((value for place, value in enumerate(values) if value != place), values[-1])
        raise UsageError(
            f"The mask {first[odd]} has the value {odd}, but the values of all masks should be 0, 1, 2 ... without a gap, or 0 and 255."
            f" {len(values)} values were found, which is what scaling or JPEG makes of a mask. Save masks as PNG with the numbers of their"
            " classes, say with masks.void which value is no class, or name the classes with masks.classes."
        )
    return tuple(map(str, values))


def read_masked(
    files: Iterable[MaskFile], classes: Sequence[str], channels: int, void: int = -1, relative_to: Path | None = None
) -> MaskedImages:
    """The images with their masks as class numbers.

    void: the value that means "not labelled", -1 for none.  relative_to: the folder from which the images' names are told.
    Raises UsageError naming the file for a mask of another size than its image, and for values that are of no class.
    """
    images, masks, names = [], [], []
    for image_path, mask_path in files:
        image = read_whole_image(image_path, channels)
        mask = class_numbers(read_levels(mask_path), mask_path, classes, void)
        if image.shape[1:] != mask.shape:
            raise UsageError(
                f"The mask {mask_path} is {_size(mask)} pixels, but its image {image_path} is {_size(image)}. A mask has a pixel for each"
                " of its image: save it in that size, without smoothing."
            )
        images.append(image)
        masks.append(mask)
        names.append(str(image_path.relative_to(relative_to) if relative_to else image_path))
    return MaskedImages(tuple(images), tuple(masks), tuple(names))


def class_numbers(levels: Tensor, path: Path, classes: Sequence[str], void: int) -> Tensor:
    """Pixel values as class numbers, uint8 (H, W), VOID where they say so.  Raises UsageError for values of no class."""
    is_void = levels.int() == void  # a byte that is compared with -1 is compared with 255
    numbers = levels.clone()
    if len(classes) == 2 and int(numbers[~is_void].max() if (~is_void).any() else 0) == 255:
        numbers[(levels == 255) & ~is_void] = 1
        numbers[(levels == 1) & ~is_void] = VOID  # 0, 1 and 255 together are no two classes
    if (wrong := levels[(numbers >= len(classes)) & ~is_void]).numel():
        told = ", ".join(map(str, wrong.unique().tolist()[:5]))
        raise UsageError(
            f"The mask {path} has the value {told}, but its classes are 0 to {len(classes) - 1} ({', '.join(classes[:5])}"
            f"{' ...' if len(classes) > 5 else ''}). Save it with the numbers of its classes, or say with masks.void which value is none."
        )
    return numbers.masked_fill(is_void, VOID)


def channels_of(files: Iterable[MaskFile]) -> int:
    """1 where every image is grey, else 3."""
    return 1 if all(read_header(image).is_grey for image, _ in files) else 3


def _size(pixels: Tensor) -> str:
    return f"{pixels.shape[-1]} x {pixels.shape[-2]}"
