"""What decoding returns."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

__all__ = ["Hypothesis"]


@dataclass(frozen=True)
class Hypothesis:
    """One output: its tokens (END included where it was reached), its score, and where it attended."""

    tokens: list[int]
    log_probability: float
    """sum of log p over the tokens, natural logarithm"""
    score: float
    """log_probability after length normalisation, and the coverage penalty: what the search compared"""
    alignment: Tensor | None
    """(tokens, S) attention weights, for models that align"""
