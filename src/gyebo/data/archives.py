"""Members of a zip archive, read into memory with every claim of the archive checked first."""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from gyebo.errors import GyeboError, did_you_mean, disk_errors

__all__ = ["MAX_MEMBER_BYTES", "read_files", "read_member"]

MAX_MEMBER_BYTES = 2**28
_ENCRYPTED = 0x1  # bit 0 of the general purpose flags, APPNOTE 4.4.4


def read_member(archive: Path, member: str, max_bytes: int = MAX_MEMBER_BYTES) -> bytes:
    """The bytes of one member of a zip.  Nothing is unpacked to the disk.

    Raises GyeboError, and reads nothing, where any member of the archive has an unsafe name (absolute, with "..",
    backslashes or a drive) or is a symbolic link, where the wanted member is not there, encrypted or declared larger
    than `max_bytes`, and where the archive is damaged; DiskError where the file system refuses.
    """
    with _opened(archive) as (opened, members):
        if member not in members:
            raise GyeboError(f"{archive} has no member {member!r}. {did_you_mean(member, members)}")
        return _read(archive, opened, members[member], max_bytes)


def read_files(archive: Path, max_bytes: int = MAX_MEMBER_BYTES) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each file in a zip, in the order of their names.  Nothing is unpacked to the disk.

    max_bytes: of each file. Raises what `read_member` raises.
    """
    with _opened(archive) as (opened, members):
        for name in sorted(members):
            if not members[name].is_dir():
                yield name, _read(archive, opened, members[name], max_bytes)


@contextmanager
def _opened(archive: Path) -> Iterator[tuple[zipfile.ZipFile, dict[str, zipfile.ZipInfo]]]:
    """An archive none of whose members has an unsafe name, and its members by name."""
    try:
        with disk_errors(archive, "reading"), zipfile.ZipFile(archive) as opened:
            for info in opened.infolist():
                _refuse_unsafe(archive, info)
            yield opened, {info.filename: info for info in opened.infolist()}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as error:
        raise GyeboError(f"{archive} is not a zip archive that can be read: {error}. Delete it and fetch it again.") from error


def _read(archive: Path, opened: zipfile.ZipFile, info: zipfile.ZipInfo, max_bytes: int) -> bytes:
    member = info.filename
    if info.flag_bits & _ENCRYPTED:
        raise GyeboError(f"{archive}: its member {member!r} is encrypted. Get the archive without a password.")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise GyeboError(
            f"{archive}: its member {member!r} is packed by method {info.compress_type}, but stored or "
            "deflated was expected. Pack it again as an ordinary zip."
        )
    if info.file_size > max_bytes:
        raise GyeboError(
            f"{archive}: its member {member!r} declares {info.file_size:,} bytes, more than the {max_bytes:,} "
            "that are read into memory. This may be a decompression bomb: get the archive from its origin."
        )
    with opened.open(info) as file:
        data = file.read(info.file_size + 1)  # zipfile stops at the declared size and checks the CRC there
    if len(data) != info.file_size:
        raise GyeboError(
            f"{archive}: its member {member!r} holds {len(data):,} bytes instead of the {info.file_size:,} declared. "
            "The archive is damaged: delete it and fetch it again."
        )
    return data


def _refuse_unsafe(archive: Path, info: zipfile.ZipInfo) -> None:
    name = info.orig_filename  # as it stands in the archive; zipfile cuts `filename` at a NUL
    path = PurePosixPath(name)
    unsafe = path.is_absolute() or ".." in path.parts or any(letter in name for letter in "\\:\0") or name == ""
    if unsafe or stat.S_ISLNK(info.external_attr >> 16):
        what = "has the unsafe name" if unsafe else "is a symbolic link:"
        raise GyeboError(
            f"{archive}: a member {what} {name!r}, as archives made to overwrite other files do. "
            "Nothing was read from it: delete it and get the archive from its origin."
        )
