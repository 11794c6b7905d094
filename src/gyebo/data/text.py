"""Text files as Unicode: read whole and checked, with an error that names file and line; and normalised texts."""

from __future__ import annotations

import codecs
import gzip
import unicodedata
import zlib
from pathlib import Path

from gyebo.errors import UsageError, disk_errors

__all__ = ["MAX_FILE_BYTES", "decode_text", "normalise", "read_text"]

MAX_FILE_BYTES = 2**30  # unpacked; everything is held in memory, so a larger corpus wants to be cut into parts first

_WIDE_BYTE_ORDER_MARKS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)


def normalise(text: str) -> str:
    """A text as NFC, without white space at its ends, and with one space for each run of white space inside.

    White space is what `str.isspace` calls so: line ends, tabs and the no-break spaces of French typography too.

    >>> normalise(" Va\\u202f! \\n")
    'Va !'
    >>> normalise("e\\u0301") == "é"
    True
    """
    return " ".join(unicodedata.normalize("NFC", text).split())


def read_text(path: Path, max_bytes: int = MAX_FILE_BYTES) -> str:
    """The UTF-8 text of a file, unpacked where its name ends in .gz; a byte order mark is dropped.

    Raises UsageError for a file that is missing, a folder, larger than `max_bytes` (unpacked), broken or truncated
    gzip, or not text as `decode_text` understands it; DiskError where the file system refuses.
    """
    with disk_errors(path, "reading"):
        if path.is_dir():
            raise UsageError(f"{path} is a folder, but a text file was expected. Name a file inside it.")
        if not path.exists():
            raise UsageError(f"There is no file {path}. Check the name and the folder that the command was started in.")
        data = _unpack(path, max_bytes) if path.suffix.lower() == ".gz" else _read_plain(path, max_bytes)
    if len(data) > max_bytes:
        raise UsageError(
            f"{path} holds more than {max_bytes:,} bytes of text, the most that is read into memory. "
            "Cut it into smaller files and name one of them."
        )
    return decode_text(data, str(path))


def _read_plain(path: Path, max_bytes: int) -> bytes:
    with path.open("rb") as file:
        return file.read(max_bytes + 1)


def _unpack(path: Path, max_bytes: int) -> bytes:
    try:
        with gzip.open(path, "rb") as file:
            return file.read(max_bytes + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UsageError(
            f"{path} cannot be unpacked: {error}. It is truncated, damaged or not gzip at all: "
            "fetch or pack it again, or drop '.gz' from its name if it is plain text."
        ) from error


def decode_text(data: bytes, where: str) -> str:
    """Bytes as UTF-8 text, refusing other encodings and NUL bytes.

    where: what the bytes are, for the error message, such as the path.
    Raises UsageError with the byte offset and line of the first fault.

    >>> decode_text(b"\\xef\\xbb\\xbfGo.\\n", "a file")
    'Go.\\n'
    """
    for mark, encoding in _WIDE_BYTE_ORDER_MARKS:
        if data.startswith(mark):
            raise UsageError(
                f"{where} is {encoding} text (by its byte order mark), but UTF-8 was expected. "
                f"Convert it: iconv -f {encoding} -t UTF-8 OLD > NEW"
            )
    nul = data.find(b"\0")
    if nul >= 0:
        raise UsageError(
            f"{where}, line {_line_of(data, nul)} holds a NUL byte (byte offset {nul:,}), which text never does: "
            "the file is binary, damaged, or UTF-16 without its mark. Convert it to UTF-8 or remove the byte."
        )
    body = data.removeprefix(codecs.BOM_UTF8)
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        offset = len(data) - len(body) + error.start
        raise UsageError(
            f"{where}, line {_line_of(data, offset)} is not UTF-8: byte 0x{data[offset]:02x} at byte "
            f"offset {offset:,}. If the file is Latin-1 (Western European), convert it: "
            "iconv -f ISO-8859-1 -t UTF-8 OLD > NEW"
        ) from error


def _line_of(data: bytes, offset: int) -> int:
    return data.count(b"\n", 0, offset) + 1
