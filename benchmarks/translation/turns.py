"""Workers that take turns: each lives in a process of its own, and works only while it is asked to.

A training worker's loop calls `Turns.before_update` before each update; the call waits until it is this worker's turn, and adds up
what is trained until the turn is over.  Only the standard library is needed, since a worker runs in its project's own
environment.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

__all__ = ["Turn", "Turns", "Worker", "start_worker"]


@dataclass(frozen=True)
class Turn:
    """What a worker did in its turn: whole updates only, the one under way when its time was up included."""

    updates: int
    tokens: int
    seconds: float


class Turns:
    """The worker's end.  facts: what the worker tells of itself once it is ready to train."""

    def __init__(self, facts: dict[str, Any]) -> None:
        self._answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)  # what the training loop prints must not look like an answer
        self._say(facts)
        self._updates = self._tokens = 0
        self._begin = self._end = 0.0

    def before_update(self, tokens: int) -> None:
        """Go on while it is this worker's turn, else answer and wait; tokens: of the batch that comes next."""
        now = time.perf_counter()
        if now >= self._end:
            if self._updates:
                self._say({"updates": self._updates, "tokens": self._tokens, "seconds": now - self._begin})
            asked = sys.stdin.readline()
            if not asked:
                os._exit(0)  # nobody asks any more; the loop need not clean up after itself
            self._updates = self._tokens = 0
            self._begin = time.perf_counter()
            self._end = self._begin + float(asked)
        self._updates += 1
        self._tokens += tokens

    def _say(self, message: dict[str, Any]) -> None:
        self._answers.write(json.dumps(message) + "\n")
        self._answers.flush()


class Worker:
    """The other end: a process whose training loop waits for its turn.  `start_worker` makes one."""

    def __init__(self, process: subprocess.Popen[str], errors: TextIO, settings: dict[str, Any]) -> None:
        self._process, self._errors, self.settings = process, errors, settings
        self.facts = self._answer()

    def turn(self, seconds: float) -> Turn:
        """Let the worker train for so long, and return when it has stopped."""
        return Turn(**self.ask(str(seconds)))

    def ask(self, question: str) -> dict[str, Any]:
        """Send a line, and wait for the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{question}\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            raise RuntimeError(f"The worker {self.settings} stopped:\n{self._errors.read()[-3000:]}")
        return json.loads(line)


@contextmanager
def start_worker(python: str, script: Path, settings: dict[str, Any]) -> Iterator[Worker]:
    """Run `script` under the interpreter `python` and wait until it is ready; it ends with the block.

    settings: handed to the script as JSON, its only argument; "threads" is among them.
    Raises RuntimeError with the end of what the worker wrote where it stops by itself, then and later.
    """
    command = [python, str(script), json.dumps(settings)]
    surroundings = os.environ | {"OMP_NUM_THREADS": str(settings["threads"])}
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as errors,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, env=surroundings
        ) as process,
    ):
        try:
            yield Worker(process, errors, settings)
        finally:
            process.kill()
