"""One image file as pixels: PNG, JPEG, WebP, TIFF, BMP, GIF or PGM/PPM, whatever its colours, in the size asked for."""

from __future__ import annotations

import errno
import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from gyebo.errors import UsageError, disk_errors

__all__ = ["MAX_PIXELS", "ImageHeader", "decode_image", "read_header", "read_image", "read_levels", "read_whole_image"]

MAX_PIXELS = 2**26  # height x width; held in memory while it is scaled down

_FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM")  # none of them runs another program, as EPS would
_GREY_MODES = ("1", "L", "LA", "La", "I", "F")
_MORE_FOR_SCALING = 2  # times the size wanted, that a JPEG is at least decoded to before it is scaled


@dataclass(frozen=True)
class ImageHeader:
    """What the beginning of an image file says, before its pixels are decoded."""

    width: int
    height: int
    is_grey: bool


def read_header(path: Path) -> ImageHeader:
    """Raises UsageError naming the file for one that is no image or too large; DiskError where the file system refuses."""
    with _opened(path, str(path)) as image:
        return ImageHeader(*image.size, is_grey=_is_grey(image))


def read_image(path: Path, size: int, channels: int) -> Tensor:
    """The pixels of an image file, uint8 (C, size, size): upright, the square in the middle scaled to `size`.

    What is transparent lies on white; 16 bits of grey become 8 by their scale. channels: 1 for grey (the luma of ITU-R 601), 3 for
    colour.
    Raises UsageError naming the file for one that is missing, broken, no image, or too large; DiskError where the file system
    refuses.
    """
    return _read(path, str(path), size, channels)


def decode_image(data: bytes, where: str, size: int, channels: int) -> Tensor:
    """The same from the bytes of an image file; where: what they are, for the error message."""
    return _read(io.BytesIO(data), where, size, channels)


def _read(source: Path | io.BytesIO, where: str, size: int, channels: int) -> Tensor:
    with _opened(source, where) as image:
        image.draft(None, (_MORE_FOR_SCALING * size, _MORE_FOR_SCALING * size))  # JPEG: decode at a fraction of the full size
        ImageOps.exif_transpose(image, in_place=True)
        plain = _plain(where, image, channels)
        if plain.size != (size, size):
            shorter = min(plain.size)
            left, top = (plain.width - shorter) // 2, (plain.height - shorter) // 2
            plain = plain.resize((size, size), Image.Resampling.BILINEAR, box=(left, top, left + shorter, top + shorter))
        pixels = np.array(plain)
    return torch.from_numpy(pixels.reshape(size, size, channels)).permute(2, 0, 1)


def read_whole_image(path: Path, channels: int) -> Tensor:
    """The pixels of an image file as `read_image` takes them, but at the size that they have: uint8 (C, H, W)."""
    with _opened(path, str(path)) as image:
        plain = _plain(str(path), ImageOps.exif_transpose(image), channels)
        pixels = np.array(plain)
    return torch.from_numpy(pixels.reshape(*pixels.shape[:2], channels)).permute(2, 0, 1).contiguous()


def read_levels(path: Path) -> Tensor:
    """The pixel values of a mask as they stand in its file, uint8 (H, W): places in a palette, or levels of grey; black and white are
    0 and 1.

    Raises UsageError naming the file for one that is missing, broken, no image, too large, coloured, or has values above 255;
    DiskError where the file system refuses.
    """
    with _opened(path, str(path)) as image:
        mode, levels = image.mode, np.array(ImageOps.exif_transpose(image))
    if mode in ("RGB", "RGBA", "LA"):
        colours = levels[..., :3] if mode != "LA" else levels[..., :1]
        if (colours != colours[..., :1]).any():
            raise UsageError(
                f"The mask {path} is coloured, but a mask has one number a pixel, that of its class. Save it as a PNG in grey or with a"
                " palette."
            )
        levels = colours[..., 0]
    if levels.ndim != 2 or levels.dtype.kind not in "bui" or levels.min() < 0 or levels.max() > 255:
        raise UsageError(
            f"The mask {path} is of mode {mode} with values from {levels.min():g} to {levels.max():g}, but whole numbers from 0 to 255 were"
            " expected, one a pixel. Save it as a PNG in grey or with a palette."
        )
    return torch.from_numpy(levels.astype(np.uint8))


@contextmanager
def _opened(source: Path | io.BytesIO, where: str) -> Iterator[Image.Image]:
    """An image whose pixels are not decoded yet; what Pillow or the file system says against it inside becomes one paragraph."""
    try:
        # the file is opened here, for Pillow leaves one open whose first bytes cannot be read
        with warnings.catch_warnings(), source.open("rb") if isinstance(source, Path) else source as file:
            warnings.simplefilter("ignore")  # of odd but readable files; what is too large is refused below
            with Image.open(file, formats=_FORMATS) as image:
                if image.width * image.height > MAX_PIXELS:
                    _refuse_size(where, f"{image.width:,} x {image.height:,} pixels")
                yield image
    except UsageError:
        raise
    except Image.DecompressionBombError:
        _refuse_size(where, "so many pixels that Pillow takes it for a decompression bomb")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise UsageError(f"There is no image file {where}. Check the name.") from error
    except IsADirectoryError as error:
        raise UsageError(f"{where} is a folder, but an image file was expected. Name a file inside it.") from error
    except UnidentifiedImageError as error:
        raise UsageError(
            f"{where} is no image that can be read: PNG, JPEG, WebP, TIFF, BMP, GIF, PGM or PPM was expected. "
            "Save it again in one of these formats, or remove it."
        ) from error
    except Exception as error:
        if isinstance(source, Path) and _is_of_the_file_system(error):
            with disk_errors(source, "reading"):
                raise
        # Pillow's decoders raise OSError, SyntaxError, ValueError, struct.error and others for broken bytes
        raise UsageError(f"{where} is a broken image: {error}. Save it again from its origin, or remove it.") from error


def _is_of_the_file_system(error: Exception) -> bool:
    """Whether the system has raised an error, and not Pillow, whose OSErrors have no number, over bytes.

    EINVAL is of the bytes: a damaged file names a place in it to which no file system can go.
    """
    return isinstance(error, OSError) and error.errno not in (None, errno.EINVAL)


def _refuse_size(where: str, what: str) -> NoReturn:
    raise UsageError(
        f"{where} declares {what}, but at most {MAX_PIXELS:,} are read into memory. It may be a decompression bomb: "
        "scale it down, or remove it."
    )


def _is_grey(image: Image.Image) -> bool:
    return image.mode in _GREY_MODES or image.mode.startswith("I;16")


def _plain(where: str, image: Image.Image, channels: int) -> Image.Image:
    """The image in mode "L" or "RGB"."""
    if image.mode.startswith("I") or image.mode == "F":
        image = _eight_bits(where, image)
    if image.has_transparency_data:
        colours = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), colours).convert("RGB")
    mode = "L" if channels == 1 else "RGB"
    return image if image.mode == mode else image.convert(mode)


def _eight_bits(where: str, image: Image.Image) -> Image.Image:
    """Grey of 16 bits, or of floats in 0..1, scaled to 0..255: Pillow's own conversion would cut it off at 255."""
    numbers = np.asarray(image).astype(np.float64)
    most = 1.0 if image.mode == "F" else 65_535.0
    if not np.isfinite(numbers).all():
        raise UsageError(f"{where} holds pixels that are NaN or infinite. Replace them, or remove the image.")
    if numbers.min() < 0 or numbers.max() > most:
        raise UsageError(
            f"{where} holds pixels from {numbers.min():g} to {numbers.max():g}, but 0 to {most:g} was expected in an image of mode "
            f"{image.mode}. Scale them, or save it with 8 bits."
        )
    return Image.fromarray(np.rint(numbers * (255 / most)).astype(np.uint8))
