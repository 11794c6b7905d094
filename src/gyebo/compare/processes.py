"""A command of gyebo in a process of its own, which a stop signal reaches and whose words are kept in a file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from gyebo.errors import GyeboError, UsageError, disk_errors
from gyebo.training.signals import StopAsked

__all__ = ["Stopped", "run_process"]

SECONDS_BETWEEN_LOOKS = 0.2


class Stopped(GyeboError):
    """A signal asked to stop; what is trained so far is on the disk."""

    def __init__(self, number: int, doing: str) -> None:
        super().__init__(
            f"Stopped by {signal.Signals(number).name} while {doing}. What is trained so far is kept, and the same command goes on."
        )
        self.exit_code = 128 + number


def run_process(words: Sequence[str], log: Path, doing: str, stop: StopAsked, look: Callable[[], None] = lambda: None) -> None:
    """Run `python -m WORD...` to its end, everything it says in `log`; look: called now and then.

    A stop signal is handed on, so that a training writes its checkpoint.  Raises Stopped after one, and GyeboError (UsageError where
    the command called it one) with the last paragraph that a failed command said.
    """
    with disk_errors(log, "writing"):
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("w", encoding="utf-8") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", *words],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches this process alone, which hands it on once
                env=os.environ | {"COLUMNS": "4000"},
            )
    try:
        while process.poll() is None:
            if stop:
                process.terminate()
                process.wait()
                raise Stopped(stop.number or signal.SIGTERM, doing)
            look()
            time.sleep(SECONDS_BETWEEN_LOOKS)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if process.returncode:
        said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        reason = said[-1].removeprefix("gyebo: ") if said else f"it ended with {process.returncode} and said nothing."
        kind = UsageError if process.returncode == 2 else GyeboError
        raise kind(f"While {doing}: {reason}")
