"""Files of images and masks: what the values of a mask mean, and images and masks as they are read."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

from torch import Tensor

from gyebo.data.image_files import read_header, read_levels, read_whole_image
from gyebo.data.mask_config import MOST_CLASSES, MasksConfig
from gyebo.data.mask_folders import MaskFile
from gyebo.data.masked_images import VOID, MaskedImages
from gyebo.errors import UsageError

__all__ = ["channels_of", "class_names", "class_numbers", "read_masked"]

BACKGROUND_AND_FOREGROUND = ("background", "foreground")


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
