"""Batches of token sequences: which rows go together (a pure function of seed and epoch), and their padded tensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gyebo.models.interfaces import PADDING

__all__ = ["Rows", "TokenSequences", "epoch_batches", "in_order"]

Rows = NDArray[np.int64]
"""row numbers of one batch"""


@dataclass(frozen=True)
class TokenSequences:
    """The sequences of one side of a split in one array of numbers, where each has its offset and length: no Python object a sentence.

    >>> sequences = TokenSequences.of([[5, 6, 3], [7, 3]])
    >>> sequences.padded(np.array([1, 0]))
    (tensor([[7, 3, 0],
             [5, 6, 3]]), tensor([2, 3]))
    """

    numbers: NDArray[np.int64]
    offsets: NDArray[np.int64]
    lengths: NDArray[np.int64]

    @classmethod
    def of(cls, sequences: Sequence[Sequence[int]]) -> TokenSequences:
        lengths = np.fromiter(map(len, sequences), np.int64, len(sequences))
        numbers = np.fromiter((number for sequence in sequences for number in sequence), np.int64, int(lengths.sum()))
        return cls(numbers, np.cumsum(lengths) - lengths, lengths)

    def __len__(self) -> int:
        return len(self.lengths)

    def select(self, rows: Rows) -> TokenSequences:
        """The sequences of these rows, in their order; the array of numbers is shared.

        >>> len(TokenSequences.of([[5, 6, 3], [7, 3]]).select(np.array([1])))
        1
        """
        return TokenSequences(self.numbers, self.offsets[rows], self.lengths[rows])

    def cut(self, longest: int) -> TokenSequences:
        """Of each sequence the first `longest` tokens at most; the array of numbers is shared.

        >>> TokenSequences.of([[5, 6, 3], [7, 3]]).cut(2).padded(np.array([0, 1]))[0]
        tensor([[5, 6],
                [7, 3]])
        """
        return TokenSequences(self.numbers, self.offsets, np.minimum(self.lengths, longest))

    def padded(self, rows: Rows) -> tuple[Tensor, Tensor]:
        """The rows as (B, longest) token numbers, padded at the end, and their lengths (B,)."""
        lengths = self.lengths[rows]
        position = np.arange(lengths.max())
        inside = position < lengths[:, None]
        where = np.where(inside, self.offsets[rows][:, None] + position, 0)
        return torch.from_numpy(np.where(inside, self.numbers[where], PADDING)), torch.from_numpy(lengths)


def epoch_batches(sizes: Sequence[NDArray[np.int64]], tokens: int, seed: int, epoch: int) -> list[Rows]:
    """One epoch: every row once, rows of like length together, at most `tokens` padded tokens a batch, in random order.

    sizes: one array of lengths a side; a batch's padded tokens are its rows times its longest row of the longest side. A row
    that is longer than `tokens` makes a batch of its own. The result is a pure function of the arguments, so a resumed run, or
    one with another number of workers, sees the same order; every epoch has as many batches.
    """
    draw = np.random.Generator(np.random.PCG64([seed, epoch]))
    shuffled = draw.permutation(len(sizes[0]))
    ordered = shuffled[np.lexsort([side[shuffled] for side in sizes])]  # the last side decides; equal lengths stay shuffled
    batches = _cut(ordered, np.max([side[ordered] for side in sizes], axis=0), tokens)
    return [batches[index] for index in draw.permutation(len(batches))]


def in_order(sizes: Sequence[NDArray[np.int64]], tokens: int) -> list[Rows]:
    """All rows once, shortest first: for evaluation, where the order does not matter and padding costs time."""
    ordered = np.lexsort(list(sizes))
    return _cut(ordered, np.max([side[ordered] for side in sizes], axis=0), tokens)


def _cut(ordered: Rows, longest: NDArray[np.int64], tokens: int) -> list[Rows]:
    """Cut a sequence of rows where the next one would make rows x longest exceed `tokens`."""
    batches, begin, width = [], 0, 0
    for end, length in enumerate(longest.tolist()):
        width = max(width, length)
        if end > begin and (end - begin + 1) * width > tokens:
            batches.append(ordered[begin:end])
            begin, width = end, length
    if begin < len(ordered):
        batches.append(ordered[begin:])
    return batches
