"""Attention: weights over the positions of a memory, and their weighted sum."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["AdditiveAttention", "masked_softmax", "read"]


def masked_softmax(scores: Tensor, real: Tensor) -> Tensor:
    """Weights that sum to 1 over the real positions and are exactly 0 elsewhere: (B, S), (B, S) -> (B, S)."""
    return scores.masked_fill(~real, -torch.inf).softmax(-1)


def read(weights: Tensor, values: Tensor) -> Tensor:
    """The expected value under the weights: (B, S), (B, S, D) -> (B, D).  Bahdanau et al. 2014, eq. 5."""
    return (weights.unsqueeze(1) @ values).squeeze(1)


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
        """query W_a s: (B, A), keys U_a h: (B, S, A) -> scores (B, S)."""
        return self.energy(torch.tanh(query.unsqueeze(1) + keys)).squeeze(-1)

    def forward(self, state: Tensor, keys: Tensor, values: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
        """state (B, D), keys (B, S, A) = key(values), values (B, S, M), real (B, S) -> context (B, M), weights (B, S)."""
        weights = masked_softmax(self.scores(self.query(state), keys), real)
        return read(weights, values), weights
