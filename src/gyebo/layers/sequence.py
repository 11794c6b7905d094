"""Padded sequences: which positions are real, and sentences read backwards."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["last_real", "per_hypothesis", "real_positions", "reverse_words"]


def real_positions(lengths: Tensor, size: int) -> Tensor:
    """True where a row of a padded batch holds a token: lengths (B,) -> (B, size).

    >>> real_positions(torch.tensor([1, 3]), 3)
    tensor([[ True, False, False],
            [ True,  True,  True]])
    """
    return torch.arange(size, device=lengths.device) < lengths[:, None]


def last_real(sequence: Tensor, lengths: Tensor) -> Tensor:
    """The vector at the last real position of each row: (B, T, D), (B,) -> (B, D)."""
    return sequence[torch.arange(len(lengths), device=sequence.device), lengths - 1]


def reverse_words(tokens: Tensor, lengths: Tensor) -> Tensor:
    """Each sentence backwards, its end mark and its padding left in place: (B, S), (B,) -> (B, S).

    >>> reverse_words(torch.tensor([[5, 6, 7, 3, 0], [8, 3, 0, 0, 0]]), torch.tensor([4, 2]))
    tensor([[7, 6, 5, 3, 0],
            [8, 3, 0, 0, 0]])
    """
    position = torch.arange(tokens.shape[1], device=tokens.device).expand_as(tokens)
    words = (lengths - 1)[:, None]
    return tokens.gather(1, torch.where(position < words, words - 1 - position, position))


def per_hypothesis(memory: Tensor, rows: int) -> Tensor:
    """The row of its sentence for every hypothesis of a beam: (B, ...) -> (rows, ...), rows a whole number of times B.

    >>> per_hypothesis(torch.tensor([[1], [2]]), 4).flatten()
    tensor([1, 1, 2, 2])
    """
    return memory.unsqueeze(1).expand(-1, rows // len(memory), *memory.shape[1:]).flatten(0, 1)
