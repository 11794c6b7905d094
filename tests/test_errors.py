"""Errors that the user can mend: exit codes, the nearest name, and what the system refuses."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from gyebo.errors import DiskError, GyeboError, UsageError, did_you_mean, disk_errors


def test_exit_codes():
    assert [kind.exit_code for kind in (GyeboError, UsageError, DiskError)] == [1, 2, 3]


def test_nearest_name():
    assert did_you_mean("bahdanu", ["bahdanau", "seq2seq"]) == "Did you mean 'bahdanau'?"
    assert did_you_mean("x", iter(["b", "a"])) == "Known are: a, b."


@pytest.mark.parametrize(
    ("number", "mend"),
    [
        (errno.ENOSPC, "the disk is full: free some space or choose another place"),
        (errno.EDQUOT, "the disk quota is used up"),
        (errno.EROFS, "the file system is read-only: choose another place"),
        (errno.EACCES, "permission is refused: change the permissions"),
        (errno.EPERM, "permission is refused: change the permissions"),
        (errno.EIO, "the system says 'Input/output error'"),
    ],
)
def test_disk_errors_say_how_to_mend(number: int, mend: str):
    with pytest.raises(DiskError) as caught, disk_errors(Path("runs/x"), "writing", kept="The old one is untouched."):
        raise OSError(number, {errno.EIO: "Input/output error"}.get(number, "other words"))
    assert str(caught.value).startswith(f"While writing runs/x, {mend}")
    assert str(caught.value).endswith(". The old one is untouched.")
    assert isinstance(caught.value.__cause__, OSError)


def test_an_error_without_a_number_and_other_errors():
    with pytest.raises(DiskError, match=r"^While reading a, the system says 'odd'\.$"), disk_errors(Path("a"), "reading"):
        raise OSError("odd")
    with pytest.raises(UsageError), disk_errors(Path("a"), "reading"):
        raise UsageError("not of the disk")
