"""Rows of states: chosen, repeated, and left out once their sentences are done."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gyebo.models.interfaces import State

__all__ = ["repeat_rows", "select_rows", "staying_rows"]

SHARE_THAT_PAYS = 1 / 8
"""a batch is made smaller once such a share of it is done: less would not pay for copying what the others remember"""


def select_rows(state: State, rows: Tensor) -> State:
    """These rows of every part of a state."""
    return {name: part.index_select(0, rows) if isinstance(part, Tensor) else part.select(rows) for name, part in state.items()}


def repeat_rows(state: State, times: int) -> State:
    """Each row so many times in a row: B rows -> B * times."""
    return {
        name: torch.repeat_interleave(part, times, 0) if isinstance(part, Tensor) else part.repeat(times)
        for name, part in state.items()
    }


def staying_rows(going: Sequence[bool]) -> list[int] | None:
    """The places of the rows that go on, where it pays to leave the others out; None where all stay.

    >>> staying_rows([True, False, True])
    [0, 2]
    """
    rows = [place for place, goes in enumerate(going) if goes]
    return rows if len(rows) <= len(going) * (1 - SHARE_THAT_PAYS) else None
