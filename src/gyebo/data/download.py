"""The data folder, and files fetched into it: resumable, checked by sha256, and there whole or not at all."""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse
from io import FileIO
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from gyebo.data.dataset import DataFile
from gyebo.errors import GyeboError, disk_errors
from gyebo.storage import sha256_of, sync_folder

__all__ = ["data_folder", "fetch"]

TIMEOUT_SECONDS = 30  # without a byte from the server
_CHUNK_BYTES = 2**16
_UNPACKED_CHUNK_BYTES = 2**20

Progress = Callable[[int, int], None]  # (bytes there, bytes in all)


class _TransferError(Exception):
    """An address did not give the file; the message says why."""


def data_folder(data_dir: Path | None = None) -> Path:
    """The folder of the named datasets: the argument, else $GYEBO_DATA, else gyebo/data in the user's cache folder.

    >>> data_folder(Path("/srv/data"))
    PosixPath('/srv/data')
    """
    if data_dir is not None:
        return data_dir.expanduser()
    if named := os.environ.get("GYEBO_DATA"):
        return Path(named).expanduser()
    cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not cache.is_absolute():  # the XDG specification asks to ignore relative paths
        cache = Path.home() / ".cache"
    return cache / "gyebo" / "data"


def fetch(file: DataFile, folder: Path, on_progress: Progress | None = None) -> Path:
    """The path of `file` in `folder`, downloaded first where it is not there, with its sha256 checked either way.

    A broken transfer leaves a .part file, from which the next call goes on.  Processes that fetch the same file wait
    for each other.  A file that was there is never changed; a download with a wrong sha256 is removed.
    on_progress: called with (bytes there, bytes in all) while downloading.
    Of a .gz whose content is registered, another packing of the same content that was there serves as well.
    Raises GyeboError naming file, folder, address and sha256 where the file cannot be had or is another one, and
    DiskError where the file system refuses.
    """
    path = folder / file.path
    with disk_errors(path, "looking for"):
        there = path.exists()
    if there:
        return _verified(path, file)
    if not file.url:
        raise GyeboError(
            f"There is no file {path}, and no address serves it. {file.note} With the file at hand ({file.size:,} bytes, sha256 "
            f"{file.sha256}), put it there, or name a folder that holds {file.path} with --data-dir or GYEBO_DATA."
        )
    with disk_errors(path.parent, "making the folder"):
        path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with _locked(part) as opened:
        if path.exists():  # fetched by another process while this one waited
            part.unlink(missing_ok=True)
            return _verified(path, file)
        _download(file, path, part, opened, on_progress or (lambda done, total: None))
        with disk_errors(path, "storing the download as"):
            os.fsync(opened.fileno())
            part.replace(path)
            sync_folder(path.parent)
    return path


def _verified(path: Path, file: DataFile) -> Path:
    with disk_errors(path, "reading"):
        found = sha256_of(path)
    if found != file.sha256 and not (file.unpacked_sha256 and _unpacked_sha256(path) == file.unpacked_sha256):
        address = file.mirror or file.url
        or_download = f", or delete this one to have it downloaded from {address}" if address else ""
        raise GyeboError(
            f"{path} is not the file that was expected: its sha256 is {found}, expected was {file.sha256}. "
            f"{file.note + ' ' if file.note else ''}"
            f"Restore the right file{or_download}."
        )
    return path


def _unpacked_sha256(path: Path) -> str:
    """The sha256 of what a .gz holds; empty where it cannot be unpacked."""
    digest = hashlib.sha256()
    with disk_errors(path, "reading"):
        try:
            with gzip.open(path, "rb") as unpacked:
                while chunk := unpacked.read(_UNPACKED_CHUNK_BYTES):
                    digest.update(chunk)
        except (gzip.BadGzipFile, EOFError, zlib.error):
            return ""
    return digest.hexdigest()


@contextmanager
def _locked(part: Path) -> Iterator[FileIO]:
    """The .part file, opened to append, and held by this process alone."""
    while True:
        with disk_errors(part, "writing"):
            opened = part.open("ab", buffering=0)  # unbuffered: a full disk shows at the write, not at the close
        with opened:
            with disk_errors(part, "locking"):
                fcntl.flock(opened, fcntl.LOCK_EX)
                ours = _is_opened_as(part, opened)
            if ours:
                yield opened
                return


def _is_opened_as(part: Path, opened: FileIO) -> bool:
    """False where whoever held the lock before has renamed or removed the file that we opened."""
    try:
        return os.path.samestat(os.fstat(opened.fileno()), part.stat())
    except FileNotFoundError:
        return False


def _download(file: DataFile, path: Path, part: Path, opened: FileIO, on_progress: Progress) -> None:
    """Fill the .part file with the right bytes from the first address that gives them."""
    failures: list[str] = []
    for url in filter(None, (file.url, file.mirror)):
        try:
            _transfer(url, file, part, opened, on_progress)
        except _TransferError as error:
            failures.append(f"{url}: {error}")
            continue
        with disk_errors(part, "reading"):
            found = sha256_of(part)
        if found == file.sha256:
            return
        failures.append(f"{url}: the file received has sha256 {found} and was removed")
        with disk_errors(part, "emptying"):
            opened.truncate(0)
    size = _size(opened)
    if size == 0:
        part.unlink(missing_ok=True)
    kept = f" {size:,} bytes are kept: the same command goes on from there." if size else ""
    raise GyeboError(
        f"{file.path} could not be downloaded ({'; '.join(failures)}).{kept} "
        f"{file.note + ' ' if file.note else ''}"
        f"To do without the network, put the file at {path} (official address {file.url}, {file.size:,} bytes, "
        f"sha256 {file.sha256}), or name a folder that holds {file.path} with --data-dir or GYEBO_DATA."
    )


def _transfer(url: str, file: DataFile, part: Path, opened: FileIO, on_progress: Progress) -> None:
    """Append what is missing to the .part file, or write it anew where the server knows no ranges."""
    done = _size(opened)
    if done > file.size:
        done = 0
    if done == file.size:
        return
    request = Request(url, headers={"User-Agent": "gyebo", **({"Range": f"bytes={done}-"} if done else {})})
    try:
        response = urlopen(request, timeout=TIMEOUT_SECONDS)
    except HTTPError as error:
        error.close()
        if error.code == 416 and done:  # what we hold reaches past the end of what the server has
            opened.truncate(0)
            return _transfer(url, file, part, opened, on_progress)
        raise _TransferError(f"the server answers {error.code} {error.reason}") from error
    except (OSError, HTTPException) as error:
        raise _TransferError(f"no answer: {getattr(error, 'reason', error)}") from error
    with response:
        if response.status != 206 or not response.headers.get("Content-Range", "").startswith(f"bytes {done}-"):
            done = 0
        announced = response.headers.get("Content-Length", "")
        if announced.isdigit() and done + int(announced) != file.size:
            raise _TransferError(f"it is another file, of {done + int(announced):,} bytes instead of {file.size:,}")
        with disk_errors(part, "writing", kept="What was downloaded so far is kept."):
            opened.truncate(done)
            for chunk in _chunks(response):
                done += len(chunk)
                if done > file.size:
                    opened.truncate(0)
                    raise _TransferError(f"it is another file, longer than {file.size:,} bytes")
                _write_all(opened, chunk)
                on_progress(done, file.size)
    if done < file.size:
        raise _TransferError(f"the transfer ended after {done:,} of {file.size:,} bytes")


def _size(opened: FileIO) -> int:
    return os.fstat(opened.fileno()).st_size


def _write_all(opened: FileIO, chunk: bytes) -> None:
    remaining = memoryview(chunk)
    while remaining:
        remaining = remaining[opened.write(remaining) :]


def _chunks(response: HTTPResponse) -> Iterator[bytes]:
    try:
        while chunk := response.read(_CHUNK_BYTES):
            yield chunk
    except (OSError, HTTPException) as error:
        raise _TransferError(f"the transfer broke off: {error}") from error
