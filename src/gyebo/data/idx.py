"""idx files, the format of MNIST: a magic number, the size of each dimension, and bytes; plain or packed as .gz.

offset  bytes            what
0       2                zero
2       1                type of the numbers; 0x08 unsigned bytes, the only one that images and class numbers come in
3       1                D, how many dimensions
4       4 D              their sizes, big-endian
4+4D    their product    the numbers, row by row
"""

from __future__ import annotations

import gzip
import io
import math
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from torch import Tensor

from gyebo.errors import UsageError, disk_errors

__all__ = ["MAX_IDX_BYTES", "pack_idx", "read_idx", "read_idx_images"]

MAX_IDX_BYTES = 2**32  # of numbers; everything is held in memory
_UNSIGNED_BYTE = 0x08
_OTHER_TYPES = {0x09: "signed bytes", 0x0B: "short integers", 0x0C: "integers", 0x0D: "floats", 0x0E: "doubles"}
_MOST_DIMENSIONS = 8
_MOST_PACKED = 1_032  # bytes that one byte of deflate can stand for, at most


def pack_idx(numbers: Tensor) -> bytes:
    """Unsigned bytes of any shape as the bytes of an idx file, which `read_idx` reads back.

    >>> pack_idx(torch.tensor([[7, 9]], dtype=torch.uint8)).hex(" ")
    '00 00 08 02 00 00 00 01 00 00 00 02 07 09'
    """
    header = struct.pack(f">HBB{numbers.dim()}I", 0, _UNSIGNED_BYTE, numbers.dim(), *numbers.shape)
    return header + np.ascontiguousarray(numbers.numpy()).tobytes()


def read_idx(path: Path) -> Tensor:
    """The numbers of an idx file, uint8 in the shape that it declares; unpacked first where it is gzip, whatever its name.

    Raises UsageError for another format or type of numbers, and for a file that is shorter, longer or larger than may be;
    DiskError where the file system refuses.
    """
    with disk_errors(path, "reading"):
        if not path.is_file():
            what = "is a folder, but an idx file was expected" if path.is_dir() else "is not there"
            raise UsageError(f"{path} {what}. Name the file of images and that of labels.")
        size = path.stat().st_size
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            try:
                if packed:
                    with gzip.GzipFile(fileobj=raw) as unpacked:
                        return _parse(path, io.BufferedReader(unpacked), size * _MOST_PACKED)
                return _parse(path, raw, size)
            except (gzip.BadGzipFile, EOFError, zlib.error) as error:
                raise UsageError(
                    f"{path} cannot be unpacked: {error}. It is truncated or damaged: fetch it again, or delete it to have it "
                    "downloaded where it belongs to a named dataset."
                ) from error


def _parse(path: Path, file: BinaryIO, most_bytes: int) -> Tensor:
    """most_bytes: more than the file can hold are not asked for, so that a wrong header takes no memory."""
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or not 1 <= magic[3] <= _MOST_DIMENSIONS:
        raise UsageError(
            f"{path} is no idx file: it begins with {magic.hex(' ') or 'nothing'}, but 00 00, a type (08 for unsigned bytes) and a number "
            "of dimensions were expected. Name an idx file such as train-images-idx3-ubyte.gz."
        )
    if magic[2] != _UNSIGNED_BYTE:
        what = _OTHER_TYPES.get(magic[2], "an unknown type")
        raise UsageError(
            f"{path} holds numbers of type 0x{magic[2]:02x} ({what}), but images and labels are unsigned bytes, type 0x08. "
            "Scale the numbers to 0..255 and write it again."
        )
    sizes = file.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise UsageError(f"{path} is truncated: it ends inside its header of {4 + 4 * magic[3]} bytes. Fetch it again.")
    shape = struct.unpack(f">{magic[3]}I", sizes)
    expected = math.prod(shape)
    declared = f"{' x '.join(f'{length:,}' for length in shape)} = {expected:,} bytes"
    if expected > MAX_IDX_BYTES:
        raise UsageError(
            f"{path} declares {declared}, more than the {MAX_IDX_BYTES:,} that are read into memory. "
            "Its header is damaged, or it wants to be cut into parts: fetch it again, or name a smaller file."
        )
    numbers = file.read(expected) if expected <= most_bytes else b""
    if len(numbers) < expected:
        raise UsageError(f"{path} is truncated: it declares {declared}, but holds fewer. Fetch it again.")
    if file.read(1):
        raise UsageError(f"{path} declares {declared}, but holds more. Its header is damaged: fetch it again.")
    return (
        torch.frombuffer(bytearray(numbers), dtype=torch.uint8).view(shape) if expected else torch.empty(shape, dtype=torch.uint8)
    )


def read_idx_images(images: Path, labels: Path) -> tuple[Tensor, Tensor]:
    """Pixels (N, 1, H, W) uint8 and labels (N,) int64 of a file of images and that of their labels.

    Raises UsageError where the two were swapped, have other dimensions, or do not hold equally many.
    """
    pixels, numbers = read_idx(images), read_idx(labels)
    if pixels.dim() == 1 and numbers.dim() == 3:
        raise UsageError(f"{images} holds labels and {labels} holds images: name the file of images first.")
    if pixels.dim() != 3 or 0 in pixels.shape:
        raise UsageError(
            f"{images} holds numbers in the shape {tuple(pixels.shape)}, but images x height x width were expected, none of them 0. "
            "Name a file of images, such as train-images-idx3-ubyte.gz."
        )
    if numbers.dim() != 1:
        raise UsageError(
            f"{labels} holds numbers in the shape {tuple(numbers.shape)}, but one label for each image was expected. "
            "Name a file of labels, such as train-labels-idx1-ubyte.gz."
        )
    if len(pixels) != len(numbers):
        raise UsageError(
            f"{images} holds {len(pixels):,} images but {labels} holds {len(numbers):,} labels: one of them belongs to another split, "
            "or is another version. Name two files that belong together."
        )
    return pixels[:, None], numbers.long()
