"""Running a kernel on several threads at once, which wait for each other where they need each other's results.

A step of decoding is many small products one after the other, a few microseconds each. Threads that are started for each of them, as
OpenMP does, cost as much as they bring; here all of them run the whole step, each its own share, and meet at a counter.
Importing this file needs numba.
"""

# pyright: reportMissingImports=false, reportCallIssue=false

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from numba import types
from numba.extending import intrinsic

from gyebo.layers.compiling import kernel

__all__ = ["meet", "most_threads", "run_on_threads"]

PATIENCE = 2000
"""looks at the counter before a thread offers its core to others: by then one of those it waits for has lost its own"""
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
def meet(counter, expected):
    """Wait until the threads have come here `expected` times in all; what they wrote before can be read afterwards."""
    add_to(counter, 1)
    looks = 0
    while value_of(counter) < expected:
        looks += 1
        if looks > PATIENCE:
            give_way()


_pool: ThreadPoolExecutor | None = None


def _forget() -> None:
    global _pool
    _pool = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)  # threads stay behind in the parent


def most_threads() -> int:
    """As many as torch has; one where a waiting thread could not give way."""
    return torch.get_num_threads() if hasattr(os, "sched_yield") else 1


def run_on_threads(function: Callable[..., Any], threads: int, *arguments: Any) -> None:
    """function(*arguments, thread, threads, counter) on each of the threads, thread = 0 .. threads - 1; the first is the caller's.

    counter: zeros (1,), for `meet`.
    """
    global _pool
    counter = np.zeros(1, np.int64)
    if threads == 1:
        function(*arguments, 0, 1, counter)
        return
    if _pool is None or _pool._max_workers < threads - 1:
        _pool = ThreadPoolExecutor(threads - 1, "gyebo-kernel")
    others = [_pool.submit(function, *arguments, thread, threads, counter) for thread in range(1, threads)]
    function(*arguments, 0, threads, counter)
    for other in others:
        other.result()
