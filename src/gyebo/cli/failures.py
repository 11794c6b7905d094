"""Whatever goes wrong ends here: one readable paragraph on standard error, and an exit code."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import textwrap
import traceback
from collections.abc import Callable
from pathlib import Path

from gyebo.errors import GyeboError, disk_errors

__all__ = ["guarded", "paragraph"]

INTERRUPTED = 130


def guarded(command: Callable[[], int], *, debug: bool) -> int:
    """The command's exit code, or that of its error, which is told in one paragraph; with `debug` after its traceback."""
    _write_letters_that_the_terminal_lacks_as_escapes()
    try:
        code = command()
        with disk_errors(Path("standard output"), "writing to"):
            sys.stdout.flush()
        return code
    except SystemExit as exit_asked:  # the help of an option parser
        return exit_asked.code if isinstance(exit_asked.code, int) else 0
    except BrokenPipeError:
        _leave_standard_output()
        return 0
    except BaseException as error:
        if isinstance(error.__cause__, BrokenPipeError):
            _leave_standard_output()
            return 0
        if debug:
            traceback.print_exc()
        message, code = _explain(error)
        print(paragraph(message), file=sys.stderr)
        return code


def paragraph(message: str) -> str:
    """`gyebo: message`, wrapped to the terminal; paths and commands are never broken inside.

    >>> paragraph("There is no verb 'trian'.")
    "gyebo: There is no verb 'trian'."
    """
    width = max(40, shutil.get_terminal_size().columns)
    words = "".join(letter if letter.isprintable() else " " if letter.isspace() else "\ufffd" for letter in message)
    return textwrap.fill(f"gyebo: {words}", width, break_long_words=False, break_on_hyphens=False)


def _explain(error: BaseException) -> tuple[str, int]:
    """What to say of an error, and its exit code."""
    match error:
        case GyeboError():
            return str(error), error.exit_code
        case KeyboardInterrupt():
            return "Stopped.", INTERRUPTED
        case _ if _is_out_of_memory(error):
            return (
                "The memory of this machine is used up. Give a smaller --batch.tokens, smaller sizes in the [model] table, or less to"
                f" read at once. ({_first_line(error)})",
                1,
            )
        case OSError(errno=errno.ENOSPC):
            return "The disk is full: free some space, or choose another place.", 3
        case _:
            return (
                f"This is a bug in gyebo, not in what you typed: {type(error).__name__}: {_first_line(error)} Please report it with"
                " its traceback, which the same command shows with --debug.",
                1,
            )


def _first_line(error: BaseException) -> str:
    text = (str(error).strip().splitlines() or ["it says nothing."])[0]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _is_out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out: torch reports it as a RuntimeError of its own wording, on CPU and GPU."""
    told = str(error)
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and ("can't allocate memory" in told or "out of memory" in told)
    )


def _leave_standard_output() -> None:
    """The reader is gone (`gyebo list | head -1`): send what is still buffered nowhere, so that the exit is quiet too."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    except (OSError, ValueError):  # a stand-in for standard output without a descriptor
        pass


def _write_letters_that_the_terminal_lacks_as_escapes() -> None:
    for stream in (sys.stdout, sys.stderr):
        if (reconfigure := getattr(stream, "reconfigure", None)) is not None:
            reconfigure(errors="backslashreplace")
