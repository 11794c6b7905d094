"""How much memory a process has held, and keeping what it frees."""

from __future__ import annotations

import ctypes
import resource
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["freed_memory_kept", "peak_memory_gib"]

# of <malloc.h> of the GNU C library
TRIM_THRESHOLD, MMAP_MAX = -1, -4
USUAL = {TRIM_THRESHOLD: 128 * 1024, MMAP_MAX: 65_536}
KEEPING = {TRIM_THRESHOLD: 2**31 - 1, MMAP_MAX: 0}


def peak_memory_gib() -> float:
    """The most memory that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Inside, the GNU C library keeps the memory that is freed for what is asked for next; behind it, the system gets it back.

    Otherwise every large tensor of a training step is new to the process: the system fills its pages with zeros and takes them away
    again, step after step.  With another C library nothing is changed.
    """
    library = ctypes.CDLL(None)
    if not (hasattr(library, "mallopt") and hasattr(library, "malloc_trim")):
        yield
        return
    for option, value in KEEPING.items():
        library.mallopt(option, value)
    try:
        yield
    finally:
        for option, value in USUAL.items():
            library.mallopt(option, value)
        library.malloc_trim(0)
