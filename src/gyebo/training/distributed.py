"""Several processes, one model: `torchrun -m gyebo train ...` trains with torch's DistributedDataParallel."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist

__all__ = ["World", "process_group", "share_of_cores"]

Value = TypeVar("Value")


@dataclass(frozen=True)
class World:
    """This process's place among all that train together."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def is_main(self) -> bool:
        """Only the main process writes files and reports."""
        return self.rank == 0

    def any_says(self, flag: bool) -> bool:
        """True in every process as soon as it is true in one: for stop signals, which may reach only some of them."""
        return bool(self.maximum(flag))

    def maximum(self, value: float) -> float:
        """The largest of all processes' values, in every process."""
        if self.size == 1:
            return value
        largest = torch.tensor(value, dtype=torch.float64, device=_place())
        dist.all_reduce(largest, dist.ReduceOp.MAX)
        return largest.item()

    def wait_for_all(self) -> None:
        """Return once every process has come here."""
        self.maximum(0)

    def mean(self, value: float) -> float:
        """The mean of all processes' values, in every process."""
        if self.size == 1:
            return value
        total = torch.tensor(value, dtype=torch.float64, device=_place())
        dist.all_reduce(total, dist.ReduceOp.SUM)
        return total.item() / self.size

    def from_main(self, value: Value) -> Value:
        """The main process's value, in every process."""
        if self.size == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0)
        return box[0]


@contextmanager
def process_group(device: str) -> Iterator[World]:
    """Join the processes that torchrun started, for as long as the block runs; alone without torchrun."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield World()
        return
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo", timeout=timedelta(minutes=30))
    try:
        yield World(dist.get_rank(), size, int(os.environ.get("LOCAL_RANK", "0")))
    finally:
        dist.destroy_process_group()


def share_of_cores() -> int:
    """The CPU cores that each of the processes on this machine may keep busy, at least one."""
    return max(1, len(os.sched_getaffinity(0)) // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


def _place() -> str:
    """Where the backend wants the tensors that processes exchange."""
    return "cuda" if dist.get_backend() == "nccl" else "cpu"
