"""Keys and values of the tokens that a compiled decoder has written, which stay where they are while a beam's rows change."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

__all__ = ["WrittenTokens"]

FIRST_CAPACITY = 64
"""tokens that there is room for in the beginning"""


@dataclass
class _Buffers:
    """The memory that successive steps share."""

    written: np.ndarray
    """(L, places, 2D): keys and values; `slots` places a step"""
    slots: int
    used: int = 0
    """steps written"""


@dataclass(frozen=True)
class WrittenTokens:
    """Keys and values of the tokens that each row has written; a `gyebo.models.interfaces.Rows`.

    Nothing is copied where a beam's rows change: each row lists the places of its own tokens, and only the lists move.
    length: tokens written, the newest included.  places (rows, T).
    """

    buffers: _Buffers
    places: np.ndarray
    length: int = 0

    @classmethod
    def none(cls, rows: int, num_layers: int, width: int) -> WrittenTokens:
        return cls._with_room(rows, num_layers, 2 * width)

    @classmethod
    def _with_room(cls, rows: int, num_layers: int, columns: int) -> WrittenTokens:
        written = np.empty((num_layers, FIRST_CAPACITY * rows, columns), np.float32)
        return cls(_Buffers(written, rows), np.empty((rows, FIRST_CAPACITY), np.int64))

    def __len__(self) -> int:
        return len(self.places)

    @property
    def written(self) -> np.ndarray:
        """(L, M, 2D): keys and values, in the places that the rows list."""
        return self.buffers.written

    def next(self) -> WrittenTokens:
        """The tokens of the next step, which have their places and are still to be written."""
        rows, room = self.places.shape
        full = self.length == room or (self.length + 1) * self.buffers.slots > self.buffers.written.shape[1]
        branched = self.buffers.used > self.length  # another step went on from here before: leave its memory alone
        here = self._moved() if full or branched or rows > self.buffers.slots else self
        begin = here.length * here.buffers.slots
        here.places[:, here.length] = np.arange(begin, begin + rows)  # the same for every step that goes on from here
        here.buffers.used = here.length + 1
        return replace(here, length=here.length + 1)

    def _moved(self) -> WrittenTokens:
        """The same in memory of its own, with twice the room, and a slot for each row."""
        rows, (layers, _, columns) = len(self.places), self.buffers.written.shape
        time = max(FIRST_CAPACITY, 2 * self.length)
        written, places = np.empty((layers, time * rows, columns), np.float32), np.arange(time * rows).reshape(time, rows)
        written[:, : self.length * rows] = self.buffers.written[:, self.places[:, : self.length].T.flatten()]
        return replace(self, buffers=_Buffers(written, rows, self.length), places=places.T.copy())

    def select(self, rows: Tensor) -> WrittenTokens:
        """These rows, in this order."""
        return replace(self, places=self.places[rows.numpy()])

    def repeat(self, times: int) -> WrittenTokens:
        """Each row so many times in a row; only where nothing is written."""
        assert self.length == 0, "a beam begins before the first token"
        layers, _, columns = self.buffers.written.shape
        return self._with_room(len(self) * times, layers, columns)
