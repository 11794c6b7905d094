"""What a search returns, and the settings that all searches share."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gyebo.models.interfaces import State

__all__ = ["DecodingConfig", "Hypothesis", "repeat_rows", "select_rows"]


MAX_BEAM, MAX_RATIO, MAX_MARGIN, MAX_PENALTY = 1000, 100, 10_000, 10


@dataclass(frozen=True, kw_only=True)
class DecodingConfig:
    """How predictions are searched.  The [....decoding] table of a recipe."""

    beam: int = 5
    """hypotheses kept; 1 is greedy search"""
    length_penalty: float = 1.0
    """alpha of sum log p / T^alpha: 0 compares raw log-probabilities (and prefers short outputs), 1 their mean"""
    length_ratio: float = 2.0
    """an output has at most this many tokens a source token ..."""
    length_margin: int = 10
    """... and this many more"""

    def __post_init__(self) -> None:
        if self.beam < 1:
            raise ValueError(f"beam={self.beam} keeps no hypothesis; 1 is greedy search, 5 a usual beam.")
        if not -MAX_PENALTY <= self.length_penalty <= MAX_PENALTY:
            raise ValueError(
                f"length_penalty={self.length_penalty:g} is not from -{MAX_PENALTY} to {MAX_PENALTY}; 0 compares sums, 1 means."
            )
        if self.length_ratio < 0 or self.length_margin < 1:
            raise ValueError("length_ratio must be at least 0 and length_margin at least 1, or no token could be written.")
        if self.beam > MAX_BEAM or self.length_ratio > MAX_RATIO or self.length_margin > MAX_MARGIN:
            raise ValueError(
                f"beam={self.beam}, length_ratio={self.length_ratio:g} and length_margin={self.length_margin} must be at most"
                f" {MAX_BEAM}, {MAX_RATIO} and {MAX_MARGIN}: a search beyond that fills the memory or never ends."
            )

    def max_lengths(self, source_lengths: Tensor) -> Tensor:
        """The most tokens that may be written for sources of these lengths."""
        return (source_lengths * self.length_ratio).long() + self.length_margin


@dataclass(frozen=True)
class Hypothesis:
    """One output: its tokens (END included where it was reached), its score, and where it attended."""

    tokens: list[int]
    log_probability: float
    """sum of log p over the tokens, natural logarithm"""
    score: float
    """log_probability after length normalisation: what the search compared"""
    alignment: Tensor | None
    """(tokens, S) attention weights, for models that align"""


def select_rows(state: State, rows: Tensor) -> State:
    """The rows of every tensor of a state."""
    return {name: tensor.index_select(0, rows) for name, tensor in state.items()}


def repeat_rows(state: State, times: int) -> State:
    """Each row so many times in a row: (B, ...) -> (B * times, ...)."""
    return {name: torch.repeat_interleave(tensor, times, 0) for name, tensor in state.items()}
