"""SIGTERM and SIGINT as a question that long work asks when it can stop, not as a blow in the middle of a write."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from gyebo.errors import GyeboError

__all__ = ["Interrupted", "StopAsked", "stop_signals"]


class Interrupted(GyeboError):
    """A signal asked to stop, and all that is done so far is on the disk."""

    def __init__(self, number: int, step: int) -> None:
        name = signal.Signals(number).name
        super().__init__(
            f"Stopped by {name} after step {step}: a checkpoint is written, and the same command goes on from it."
            if step
            else f"Stopped by {name} before the first step was done: the same command begins again."
        )
        self.exit_code = 128 + number


class StopAsked:
    """The last stop signal that came, if one did."""

    number: int | None = None

    def __bool__(self) -> bool:
        return self.number is not None


@contextmanager
def stop_signals() -> Iterator[StopAsked]:
    """For as long as the block runs, SIGTERM and SIGINT only set what it yields; outside the main thread they are left alone."""
    asked = StopAsked()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def ask(number: int, frame: FrameType | None) -> None:
        asked.number = number

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
