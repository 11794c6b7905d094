"""How much memory a process has held."""

from __future__ import annotations

import resource

__all__ = ["peak_memory_gib"]


def peak_memory_gib() -> float:
    """The most memory that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
