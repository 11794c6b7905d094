"""metrics.jsonl: one JSON record a line, cut back to the checkpoint when a run resumes."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

from gyebo.errors import GyeboError, disk_errors

__all__ = ["MetricsFile", "read_metrics"]


class MetricsFile:
    """Appends records; `size` after `sync` is what a checkpoint remembers."""

    def __init__(self, path: Path, size: int) -> None:
        """Open `path` and drop everything after its first `size` bytes: records of steps that will be trained again.

        Raises GyeboError where the file is shorter than that.
        """
        self.path = path
        with disk_errors(path, "opening"):
            self._file = path.open("ab")
            if path.stat().st_size < size:
                self._file.close()
                raise GyeboError(
                    f"{path} has {path.stat().st_size:,} bytes, but the checkpoint was written after {size:,}: records are missing."
                    " Restore the file, or train under another --name."
                )
            if path.stat().st_size > size:
                self._file.truncate(size)

    def append(self, record: dict[str, Any]) -> None:
        with disk_errors(self.path, "writing", kept="The last checkpoint is untouched."):
            self._file.write((json.dumps(record, ensure_ascii=False) + "\n").encode())
            self._file.flush()

    def sync(self) -> int:
        """Make what was appended survive a power cut, and return the file's size in bytes."""
        with disk_errors(self.path, "writing", kept="The last checkpoint is untouched."):
            os.fsync(self._file.fileno())
            return os.fstat(self._file.fileno()).st_size

    def close(self) -> None:
        with contextlib.suppress(OSError):  # a full disk refuses again what `append` has already reported
            self._file.close()


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The records of a metrics file; a last line that was cut off is left out.  Empty where there is no file."""
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    records = []
    for number, line in enumerate(lines[:-1], 1):
        try:
            if not isinstance(record := json.loads(line), dict):
                raise ValueError("it holds no JSON object")
            records.append(record)
        except (ValueError, RecursionError) as error:
            raise GyeboError(
                f"{path}, line {number}, is not a JSON record ({error}). Restore the file, or remove that line."
            ) from error
    return records
