"""Running a kernel on several threads at once, which wait for each other where they need each other's results.

A step of decoding is many small products one after the other, a few microseconds each. Threads that are started for each of them, as
OpenMP does, cost as much as they bring; here all of them run the whole step, each its own share, and meet at a counter.
Importing this file needs numba.
"""

# pyright: reportMissingImports=false, reportCallIssue=false

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numba import typeof, types
from numba.extending import intrinsic

from gyebo.layers.compiling import kernel

__all__ = ["begin", "end", "meet", "most_threads", "run_on_threads"]

PATIENCE = 2000
"""looks at the counter before a thread offers its core to others: by then one of those it waits for has lost its own"""
WAKEFULNESS = 4000
"""looks after that before a helper falls asleep, about two milliseconds: the time between two steps, which a search takes"""
EVERY_MEETING = 2**40
CALLED, DONE = 8, 16
"""where the counts of calls and of helpers that are done stand in a counter: each in a cache line of its own"""
give_way = types.ExternalFunction("sched_yield", types.int32())
"""of the C library, on systems that have it"""


@intrinsic
def add_to(typing_context: Any, counter: Any, number: Any) -> Any:
    """Add to the first number of an int64 array, at once for all threads; returns what it was before."""

    def instructions(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        value = context.cast(builder, arguments[1], signature.args[1], types.int64)
        return builder.atomic_rmw("add", data, value, "seq_cst")

    return types.int64(counter, number), instructions


@intrinsic
def value_of(typing_context: Any, counter: Any) -> Any:
    """The first number of an int64 array as the other threads have left it."""

    def instructions(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return builder.load_atomic(data, ordering="seq_cst", align=8)

    return types.int64(counter), instructions


@kernel
def wait(counter, expected):
    """Until a count has come so far."""
    looks = 0
    while value_of(counter) < expected:
        looks += 1
        if looks > PATIENCE:
            give_way()


@kernel
def meet(counter, expected):
    """Wait until the threads have come here `expected` times in all; what they wrote before can be read afterwards."""
    add_to(counter, 1)
    wait(counter, expected)


@kernel
def begin(counter, thread):
    """The first line of a kernel that runs on several threads: calls the others.

    They are called from here, for the caller has let go of Python's lock by now, and a helper needs it for a moment.
    """
    if thread == 0:
        add_to(counter[CALLED:], 1)


@kernel
def end(counter, thread, threads):
    """Its last line: the caller waits until the helpers are done, and have let go of Python's lock, which the caller needs next."""
    if thread == 0:
        wait(counter[DONE:], threads - 1)


@kernel
def wait_for_call(counter, number, done):
    """What a helper does between two calls: say that it is done, and wait for a call of that number; False once it has waited long."""
    if done:
        add_to(counter[DONE:], 1)
    for look in range(PATIENCE + WAKEFULNESS):
        if value_of(counter[CALLED:]) >= number:
            return True
        if look > PATIENCE:
            give_way()
    return False


@kernel
def give_up(counter):
    """Let the others pass all meetings of this call, for a thread that cannot go on: memory may be short in a kernel too."""
    add_to(counter, EVERY_MEETING)


def counts() -> np.ndarray:
    """The counter of a call, or of a team: meetings, calls, and helpers that are done."""
    return np.zeros(DONE + 1, np.int64)


class _Team:
    """Threads that help, and stay awake for a while after a call: waking one takes longer than a short step."""

    def __init__(self, size: int) -> None:
        self.size, self.counter = size, counts()
        self.news = threading.Condition()
        self.task: tuple[Callable[..., Any], tuple[Any, ...]] | None = None
        self.error: BaseException | None = None
        self.calls = 0
        """announced, the last of which has begun or is about to"""
        for thread in range(1, self.size):
            threading.Thread(target=self._help, args=(thread,), name=f"gyebo-kernel-{thread}", daemon=True).start()

    def run(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self.counter[0] = self.counter[DONE] = 0
        with self.news:
            self.task, self.calls = (function, arguments), int(self.counter[CALLED]) + 1
            self.news.notify_all()
        try:
            function(*arguments, 0, self.size, self.counter)
        except BaseException:
            if self.counter[CALLED] == self.calls:
                give_up(self.counter)
                end(self.counter, 0, self.size)
            raise
        finally:
            error, self.task, self.error = self.error, None, None  # keeps no arrays
        if error is not None:
            raise error

    def dismiss(self) -> None:
        """Let the helpers end."""
        with self.news:
            self.task, self.calls = None, int(self.counter[CALLED]) + 1
            self.counter[CALLED] += 1
            self.news.notify_all()

    def _help(self, thread: int) -> None:
        number, done = 1, False
        while True:
            if not wait_for_call(self.counter, number, done):
                done = False
                with self.news:
                    while self.calls < number:
                        self.news.wait()
                continue
            if self.task is None:
                return
            function, arguments = self.task
            try:
                function(*arguments, thread, self.size, self.counter)
            except BaseException as error:
                self.error = error
                give_up(self.counter)
            del function, arguments
            number, done = number + 1, True


_team: _Team | None = None
_compiled: set[Any] = set()
_calling = threading.Lock()
"""held by one caller of the helpers at a time"""


def _forget() -> None:
    global _team, _calling
    _team, _calling = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)  # threads, and who holds the lock, stay behind in the parent


def most_threads() -> int:
    """As many as torch has; one where a waiting thread could not give way."""
    return torch.get_num_threads() if hasattr(os, "sched_yield") else 1


def run_on_threads(function: Any, threads: int, *arguments: Any) -> None:
    """function(*arguments, thread, threads, counter) on each of the threads, thread = 0 .. threads - 1; the first is the caller's.

    function: a kernel whose first line is `begin(counter, thread)` and whose last is `end(counter, thread, threads)`; `meet(counter, n)`
    may stand between.
    """
    global _team
    if threads == 1:
        function(*arguments, 0, 1, counts())
        return
    with _calling:
        if _team is None or _team.size != threads:
            if _team is not None:
                _team.dismiss()
            _team = _Team(threads)
        if function not in _compiled:  # nobody is to wait for the compiler wide awake
            function.compile(tuple(map(typeof, (*arguments, 0, threads, _team.counter))))
            _compiled.add(function)
        _team.run(function, arguments)
