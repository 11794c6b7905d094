"""Attention: weights over the positions of a memory, and their weighted sum."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["AdditiveAttention", "masked_softmax", "read"]


def masked_softmax(scores: Tensor, real: Tensor) -> Tensor:
    """Weights that sum to 1 over the real positions and are exactly 0 elsewhere: (B, S), (B, S) -> (B, S)."""
    return scores.masked_fill(~real, -torch.inf).softmax(-1)


def read(weights: Tensor, values: Tensor) -> Tensor:
    """The expected value under the weights: (rows, S), (B, S, D) -> (rows, D).  Bahdanau et al. 2014, eq. 5.

    rows is B, or in a beam a whole number of times as many: the rows of a sentence, one after the other, share its values.
    """
    if len(weights) == len(values):
        return (weights.unsqueeze(1) @ values).squeeze(1)
    return (weights.unflatten(0, (len(values), -1)) @ values).flatten(0, 1)


class AdditiveAttention(nn.Module):
    """e_j = v^T tanh(W_a s + U_a h_j), a small network that scores each position.  Bahdanau et al. 2014, appendix A.1.2.

    query_width is the width of s, value_width that of h_j, width (A) the n' of the paper.
    """

    def __init__(self, query_width: int, value_width: int, width: int) -> None:
        super().__init__()
        self.query = nn.Linear(query_width, width, bias=False)  # W_a
        self.key = nn.Linear(value_width, width)  # U_a: its bias serves W_a too
        self.energy = nn.Linear(width, 1, bias=False)  # v_a

    def scores(self, query: Tensor, keys: Tensor) -> Tensor:
        """query W_a s: (..., A), keys U_a h: (..., S, A) -> scores (..., S)."""
        return self.energy(torch.tanh(query.unsqueeze(-2) + keys)).squeeze(-1)

    def align(self, state: Tensor, keys: Tensor, real: Tensor) -> Tensor:
        """state (rows, D), keys (B, S, A) = key(values), real (B, S) -> weights (rows, S); rows as in `read`."""
        if len(state) == len(keys):
            return masked_softmax(self.scores(self.query(state), keys), real)
        query = self.query(state).unflatten(0, (len(keys), -1))  # (B, beam, A)
        return masked_softmax(self.scores(query, keys.unsqueeze(1)), real.unsqueeze(1)).flatten(0, 1)

    def forward(self, state: Tensor, keys: Tensor, values: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
        """As `align`, and reads values (B, S, M) with the weights -> context (rows, M), weights (rows, S)."""
        weights = self.align(state, keys, real)
        return read(weights, values), weights
