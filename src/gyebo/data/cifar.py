"""CIFAR-10's binary version: records of one label byte and the red, green and blue planes of 32 x 32 pixels.

The version for Python is a pickle, which can run code when it is read, so it is not.
"""

from __future__ import annotations

import tarfile
import zlib
from pathlib import Path, PurePosixPath

import torch
from torch import Tensor

from gyebo.errors import GyeboError, disk_errors

__all__ = ["read_binary_archive", "read_records"]

_SHAPE = (3, 32, 32)
_RECORD_BYTES = 1 + 3 * 32 * 32
_MOST_RECORDS = 10_000  # in a file
_CLASSES = 10
_TRAIN = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
_TEST = "test_batch.bin"


def read_binary_archive(archive: Path) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Pixels and labels, as of `read_records`, of cifar-10-binary.tar.gz: train, in the order of its five files, and test.

    Nothing is unpacked to the disk.
    Raises GyeboError where the archive is damaged or a file is not in it; DiskError where the file system refuses.
    """
    batches: dict[str, tuple[Tensor, Tensor]] = {}
    try:
        with disk_errors(archive, "reading"), tarfile.open(archive, "r:gz") as opened:
            for member in opened:
                name = PurePosixPath(member.name).name
                if not member.isfile() or name not in (*_TRAIN, _TEST):
                    continue
                if member.size > _RECORD_BYTES * _MOST_RECORDS:
                    raise GyeboError(
                        f"{archive}: its member {member.name!r} declares {member.size:,} bytes, more than {_MOST_RECORDS:,} records. "
                        "Get the archive from its origin."
                    )
                file = opened.extractfile(member)
                assert file is not None, "it is a regular file"
                batches[name] = read_records(file.read(), f"{member.name} in {archive}")
    except (tarfile.TarError, zlib.error, EOFError) as error:
        raise GyeboError(f"{archive} is not a tar.gz archive that can be read: {error}. Delete it and fetch it again.") from error
    if missing := [name for name in (*_TRAIN, _TEST) if name not in batches]:
        raise GyeboError(f"{archive} has no {' and no '.join(missing)}. Delete it and fetch it again.")
    pixels, labels = zip(*(batches[name] for name in _TRAIN), strict=True)
    return (torch.cat(pixels), torch.cat(labels)), batches[_TEST]


def read_records(data: bytes, where: str) -> tuple[Tensor, Tensor]:
    """Pixels (N, 3, 32, 32) uint8 and labels (N,) int64; where: what the bytes are, for the error message.

    Raises GyeboError for no whole number of records and for labels beyond 9.
    """
    if not data or len(data) % _RECORD_BYTES:
        raise GyeboError(
            f"{where} holds {len(data):,} bytes, but whole records of {_RECORD_BYTES:,} were expected. It is truncated: fetch it again."
        )
    records = torch.frombuffer(bytearray(data), dtype=torch.uint8).view(-1, _RECORD_BYTES)
    labels = records[:, 0].long()
    if int(labels.max()) >= _CLASSES:
        raise GyeboError(f"{where} holds the label {int(labels.max())}, but 0 to 9 were expected. It is damaged: fetch it again.")
    return records[:, 1:].reshape(-1, *_SHAPE), labels
