"""Multiplicative attention: how a decoder state scores source positions, and which of them it may look at.

Luong, Pham, Manning 2015, arXiv 1508.04025.  A score is one of section 3.1, a window one of section 3.1 (all positions) or 3.2
(those near a centre p_t):

    score(h_t, h_s) = h_t^T h_s  |  h_t^T W_a h_s  |  v_a^T tanh(W_a [h_t; h_s])       dot, general, concat; W_a h_t  location, eq. 8
    a_t(s) = softmax over the window of score(h_t, h_s), times exp(-(s - p_t)^2 / 2 sigma^2) in a local-p window     eq. 7, 10

Queries of a step stand in an axis of their own: the words of a target, or in a beam the hypotheses of a sentence. So one call serves a
whole target at once, one step, and a beam.

Letters: B batch, T queries, S source positions, D width of decoder and encoder states.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from gyebo.errors import UsageError
from gyebo.layers.attention import masked_softmax

__all__ = [
    "Aligned",
    "ConcatScore",
    "DotScore",
    "GeneralScore",
    "GlobalWindow",
    "LocationScore",
    "MonotonicWindow",
    "PredictiveWindow",
    "Score",
    "SourceTooLongError",
    "Window",
]


class Score(Protocol):
    """How well each query fits each source position."""

    def keys(self, values: Tensor) -> Tensor:
        """All of the score that depends on the source alone: encoder states (B, S, D) -> (B, S, K), once for a sentence."""
        ...

    def __call__(self, hidden: Tensor, keys: Tensor) -> Tensor:
        """Decoder states (B, T, D), keys (B, S, K) -> scores (B, T, S)."""
        ...


class DotScore(nn.Module):
    """h_t^T h_s."""

    def keys(self, values: Tensor) -> Tensor:
        return values

    def forward(self, hidden: Tensor, keys: Tensor) -> Tensor:
        return torch.bmm(hidden, keys.transpose(1, 2))


class GeneralScore(nn.Module):
    """h_t^T W_a h_s."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.key = nn.Linear(width, width, bias=False)  # W_a

    def keys(self, values: Tensor) -> Tensor:
        return self.key(values)

    def forward(self, hidden: Tensor, keys: Tensor) -> Tensor:
        return torch.bmm(hidden, keys.transpose(1, 2))


class ConcatScore(nn.Module):
    """v_a^T tanh(W_a [h_t; h_s]): W_a in two halves, so that the source's is computed once."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query = nn.Linear(width, width, bias=False)  # W_a, the columns that meet h_t
        self.key = nn.Linear(width, width, bias=False)  # W_a, the columns that meet h_s
        self.energy = nn.Linear(width, 1, bias=False)  # v_a

    def keys(self, values: Tensor) -> Tensor:
        return self.key(values)

    def forward(self, hidden: Tensor, keys: Tensor) -> Tensor:
        both = self.query(hidden).unsqueeze(2) + keys.unsqueeze(1)  # (B, T, S, D)
        return self.energy(torch.tanh(both)).squeeze(-1)


class SourceTooLongError(UsageError, ValueError):
    """A source has more positions than a location score has weights for."""


class LocationScore(nn.Module):
    """W_a h_t: the decoder state alone says where to look, in a source of at most `max_source` positions.  Eq. 8.

    Raises SourceTooLongError for a longer source.
    """

    def __init__(self, width: int, max_source: int) -> None:
        super().__init__()
        self.max_source = max_source
        self.positions = nn.Linear(width, max_source, bias=False)  # W_a

    def keys(self, values: Tensor) -> Tensor:
        if values.shape[1] > self.max_source:
            raise SourceTooLongError(
                f"A source has {values.shape[1]} tokens, and the location score of this model has weights for {self.max_source} positions."
                " Train with a larger --model.max-source, or give shorter sources."
            )
        return values[..., :0]  # no content is looked at: the number of positions is all that it needs

    def forward(self, hidden: Tensor, keys: Tensor) -> Tensor:
        return hidden @ self.positions.weight[: keys.shape[1]].t()


class Aligned(NamedTuple):
    """What a window made of scores."""

    weights: Tensor
    """a_t (B, T, S), 0 outside the window and at padding"""
    centre: Tensor | None
    """p_t (B, T), where the window has one"""


class Window(Protocol):
    """Scores to weights over the positions that may be looked at."""

    def __call__(self, scores: Tensor, hidden: Tensor, times: Tensor, real: Tensor) -> Aligned:
        """scores (B, T, S), decoder states (B, T, D), their steps t counted from 0 (B or 1, T), real positions (B, S)."""
        ...


class GlobalWindow(nn.Module):
    """All positions.  Section 3.1, eq. 7."""

    def forward(self, scores: Tensor, hidden: Tensor, times: Tensor, real: Tensor) -> Aligned:
        return Aligned(masked_softmax(scores, real.unsqueeze(1)), None)


class MonotonicWindow(nn.Module):
    """local-m: the positions from t - D to t + D, where D is `half_window`.  Section 3.2.

    Behind the end of the source, where the paper says nothing, the centre stays at its last position.
    """

    def __init__(self, half_window: int) -> None:
        super().__init__()
        self.half_window = half_window

    def forward(self, scores: Tensor, hidden: Tensor, times: Tensor, real: Tensor) -> Aligned:
        centre = torch.minimum(times, real.sum(1, keepdim=True) - 1)  # (B, T)
        near = _distance(centre, real).abs() <= self.half_window
        return Aligned(masked_softmax(scores, real.unsqueeze(1) & near), centre)


class PredictiveWindow(nn.Module):
    """local-p: the positions from p_t - D to p_t + D, weighed by a Gaussian around p_t.  Section 3.2.

    p_t = S sigmoid(v_p^T tanh(W_p h_t))                              eq. 9
    a_t(s) = align(h_t, h_s) exp(-(s - p_t)^2 / (2 sigma^2))          eq. 10, sigma = D / 2, not normalised again
    """

    def __init__(self, width: int, half_window: int) -> None:
        super().__init__()
        self.half_window = half_window
        self.hidden = nn.Linear(width, width, bias=False)  # W_p
        self.position = nn.Linear(width, 1, bias=False)  # v_p

    def centre(self, hidden: Tensor, real: Tensor) -> Tensor:
        """p_t, a real number from 0 to the number of source tokens: (B, T, D), (B, S) -> (B, T).  Eq. 9."""
        logit = self.position(torch.tanh(self.hidden(hidden))).squeeze(-1)
        precise = torch.promote_types(logit.dtype, torch.float32)  # in bfloat16 a place above 128 would be a whole number
        return real.sum(1, keepdim=True) * torch.sigmoid(logit.to(precise))

    def forward(self, scores: Tensor, hidden: Tensor, times: Tensor, real: Tensor) -> Aligned:
        centre = self.centre(hidden, real)
        distance = _distance(centre, real)  # (B, T, S)
        weights = masked_softmax(scores, real.unsqueeze(1) & (distance.abs() <= self.half_window))
        sigma = self.half_window / 2
        return Aligned(weights * torch.exp(-distance.square() / (2 * sigma**2)).to(weights.dtype), centre)


def _distance(centre: Tensor, real: Tensor) -> Tensor:
    """s - p_t for every position: (B, T), (B, S) -> (B, T, S)."""
    return torch.arange(real.shape[1], device=centre.device) - centre.unsqueeze(-1)
