"""Timing side by side: the candidates take turns, A, B, A, B, so that a machine that slows down slows all of them."""

from __future__ import annotations

import gc
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

__all__ = ["alternate", "environment", "write_results"]


def alternate(candidates: Mapping[str, Callable[[], object]], rounds: int = 9, warmup: int = 2) -> dict[str, float]:
    """The median seconds of one call of each candidate, over `rounds` in which each is called once, in turn.

    warmup: rounds before that, not measured.  Every second round goes backwards, so that no candidate always follows
    the same one, and no garbage is collected in between.
    """
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    collecting = gc.isenabled()
    gc.disable()
    try:
        for number in range(-warmup, rounds):
            names = list(candidates) if number % 2 else list(candidates)[::-1]
            for name in names:
                start = time.perf_counter()
                candidates[name]()
                elapsed = time.perf_counter() - start
                if number >= 0:
                    seconds[name].append(elapsed)
    finally:
        if collecting:
            gc.enable()
    return {name: statistics.median(values) for name, values in seconds.items()}


def environment() -> dict[str, object]:
    """What a number depends on: versions, processor, threads and load."""
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "load": round(os.getloadavg()[0], 2),
    }


def write_results(path: Path, rows: list[dict[str, object]]) -> None:
    """Write the environment and the rows of a table as JSON."""
    path.write_text(json.dumps({"environment": environment(), "rows": rows}, indent=2) + "\n", encoding="utf-8")


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
