"""Errors that the user can mend: one readable paragraph each, and the exit code that the command line returns for it."""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["DiskError", "GyeboError", "UsageError", "did_you_mean", "disk_errors"]


class GyeboError(Exception):
    """Something failed and the message says what came, what was expected and how to mend it."""

    exit_code = 1


class UsageError(GyeboError):
    """The command, option, recipe or file named by the user is not one that gyebo knows or can read."""

    exit_code = 2


class DiskError(GyeboError):
    """The file system refused: full, read-only, or no permission."""

    exit_code = 3


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Name the nearest of the choices, or all of them where none is near.

    >>> did_you_mean("widht", ["width", "depth"])
    "Did you mean 'width'?"
    >>> did_you_mean("banana", ["width", "depth"])
    'Known are: depth, width.'
    """
    choices = sorted(choices)
    near = difflib.get_close_matches(word, choices, n=1, cutoff=0.6)
    return f"Did you mean {near[0]!r}?" if near else f"Known are: {', '.join(choices)}."


_MENDS = {
    errno.ENOSPC: "the disk is full: free some space or choose another place",
    errno.EDQUOT: "the disk quota is used up: free some space or choose another place",
    errno.EROFS: "the file system is read-only: choose another place",
    errno.EACCES: "permission is refused: change the permissions or choose another place",
    errno.EPERM: "permission is refused: change the permissions or choose another place",
}


@contextmanager
def disk_errors(path: Path, doing: str, kept: str = "") -> Iterator[None]:
    """Turn an OSError met while `doing` something with `path` into a DiskError that says how to mend it.

    kept: a closing sentence about what is still intact, such as "The previous checkpoint is untouched."
    """
    try:
        yield
    except OSError as error:
        mend = _MENDS.get(error.errno or 0, f"the system says '{error.strerror or error}'")
        raise DiskError(f"While {doing} {path}, {mend}. {kept}".strip()) from error
