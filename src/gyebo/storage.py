"""Files that are written whole or not at all: temporary name, flush, fsync, rename, fsync of the folder."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gyebo.errors import GyeboError, disk_errors

__all__ = ["locked", "remove_leftovers", "sha256_of", "sync_folder", "write_json", "write_text", "write_whole"]


def sha256_of(path: Path) -> str:
    """The sha256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync_folder(folder: Path) -> None:
    """Ask the disk to keep the folder's entries: after this a rename in it survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(path: Path, data: bytes, kept: str = "The file that was there before is untouched.") -> None:
    """Replace `path` by `data` in one step; a reader sees the old bytes or the new ones, never a part.

    Raises DiskError (and leaves no temporary file) where the disk refuses.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with disk_errors(path, "writing", kept):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files of writers that were killed.  Only for a folder that nobody else writes in just now."""
    for leftover in folder.glob(".*.tmp"):
        with disk_errors(leftover, "removing"):
            leftover.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """`write_whole` for text, as UTF-8 with plain line feeds."""
    write_whole(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """`write_whole` for JSON: sorted keys, readable letters, a line feed at the end."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


@contextmanager
def locked(folder: Path, in_use: Callable[[str], str]) -> Iterator[None]:
    """Hold a folder, made where it is missing, for this process; the lock falls with the process, so a killed one leaves none behind.

    What a killed process left half-written is removed. Raises GyeboError where another process holds the folder, with the text that
    `in_use` makes of that one's number, and DiskError where there can be no such folder.
    """
    with disk_errors(folder, "opening the folder"):
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise GyeboError(in_use(os.read(descriptor, 32).decode(errors="replace").strip() or "unknown")) from error
        with disk_errors(folder, "locking the folder"):
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode())
        remove_leftovers(folder)
        yield
    finally:
        os.close(descriptor)
