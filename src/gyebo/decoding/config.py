"""The settings that all ways of decoding share, and those of sampling."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor

from gyebo.decoding.scoring import gnmt_length_penalty, power_of_length
from gyebo.models.interfaces import BEGIN, PADDING, UNKNOWN

__all__ = ["DecodingConfig", "SamplingConfig"]

MAX_BEAM, MAX_RATIO, MAX_MARGIN, MAX_PENALTY, MAX_SAMPLES, MAX_PATIENCE = 1000, 100, 10_000, 10, 1000, 1000


@dataclass(frozen=True, kw_only=True)
class SamplingConfig:
    """How outputs are drawn at random instead of searched for.  The [....decoding.sampling] table of a recipe."""

    samples: int = 0
    """outputs drawn for each input; 0 searches for the most likely output instead"""
    temperature: float = 1.0
    """divides the logits: below 1 likely tokens become more likely, above 1 all become alike"""
    top_k: int = 0
    """draw from so many most likely tokens only; 0 draws from all"""
    top_p: float = 1.0
    """draw from the fewest most likely tokens that have so much probability together; 1 draws from all"""
    seed: int = 0
    """the same seed draws the same outputs for a sentence, whatever else is in the batch"""

    def __post_init__(self) -> None:
        if not 0 <= self.samples <= MAX_SAMPLES:
            raise ValueError(f"samples={self.samples} is not from 0 to {MAX_SAMPLES}; 0 searches instead of sampling.")
        if not 0.01 <= self.temperature <= 100:
            raise ValueError(f"temperature={self.temperature:g} is not from 0.01 to 100; for the most likely output, use beam=1.")
        if self.top_k < 0:
            raise ValueError(f"top_k={self.top_k} keeps no token; 0 draws from all of them.")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p={self.top_p:g} is not a probability above 0; 1 draws from all tokens.")
        if self.seed < 0:
            raise ValueError(f"seed={self.seed} must be at least 0.")


@dataclass(frozen=True, kw_only=True)
class DecodingConfig:
    """How predictions are searched or drawn.  The [....decoding] table of a recipe."""

    beam: int = 5
    """hypotheses kept; 1 is greedy search"""
    n_best: int | None = None
    """hypotheses returned for an input, the best first; where it is left out, all that were kept"""
    patience: float | None = None
    """the search of a sentence ends when beam * patience hypotheses are finished; where it is left out, when no open one can still win"""
    length_normalization: Literal["power", "gnmt"] = "power"
    """what divides sum log p: power is T^alpha, gnmt is ((5 + T) / 6)^alpha; T tokens, END counted"""
    length_penalty: float = 1.0
    """alpha: 0 compares raw log-probabilities (and prefers short outputs); with power, 1 compares their mean"""
    coverage_penalty: float = 0.0
    """beta of the penalty for source tokens that were hardly attended to, for models that align; 0 turns it off"""
    length_ratio: float = 2.0
    """an output has at most this many tokens a source token ..."""
    length_margin: int = 10
    """... and this many more"""
    forbid_unknown: bool = False
    """never write <unk>"""
    sampling: SamplingConfig = field(default_factory=SamplingConfig)

    def __post_init__(self) -> None:
        if self.beam < 1:
            raise ValueError(f"beam={self.beam} keeps no hypothesis; 1 is greedy search, 5 a usual beam.")
        if not -MAX_PENALTY <= self.length_penalty <= MAX_PENALTY:
            raise ValueError(
                f"length_penalty={self.length_penalty:g} is not from -{MAX_PENALTY} to {MAX_PENALTY}; 0 compares sums, 1 means."
            )
        if not 0 <= self.coverage_penalty <= MAX_PENALTY:
            raise ValueError(f"coverage_penalty={self.coverage_penalty:g} is not from 0 to {MAX_PENALTY}; 0 turns it off.")
        if self.patience is not None and not 0 < self.patience <= MAX_PATIENCE:
            raise ValueError(
                f"patience={self.patience:g} is not above 0 and at most {MAX_PATIENCE}; 1 ends a search with the first beam of finished"
                " hypotheses, which is usual."
            )
        if self.length_ratio < 0 or self.length_margin < 1:
            raise ValueError("length_ratio must be at least 0 and length_margin at least 1, or no token could be written.")
        if self.beam > MAX_BEAM or self.length_ratio > MAX_RATIO or self.length_margin > MAX_MARGIN:
            raise ValueError(
                f"beam={self.beam}, length_ratio={self.length_ratio:g} and length_margin={self.length_margin} must be at most"
                f" {MAX_BEAM}, {MAX_RATIO} and {MAX_MARGIN}: a search beyond that fills the memory or never ends."
            )
        kept, what = (self.sampling.samples, "samples") if self.sampling.samples else (self.beam, "beam")
        if self.n_best is not None and not 1 <= self.n_best <= kept:
            raise ValueError(f"n_best={self.n_best} is not from 1 to {what}={kept}: no more than that are kept.")

    @property
    def forbidden(self) -> tuple[int, ...]:
        """The tokens that are never written."""
        return (PADDING, BEGIN, UNKNOWN) if self.forbid_unknown else (PADDING, BEGIN)

    def max_lengths(self, source_lengths: Tensor, limit: int | None = None) -> Tensor:
        """The most tokens that may be written for sources of these lengths; limit: the most that the model can write."""
        lengths = (source_lengths * self.length_ratio).long() + self.length_margin
        return lengths if limit is None else lengths.clamp(max=limit)

    def normalizer(self, lengths: Tensor) -> Tensor:
        """What sum log p of outputs of these lengths is divided by."""
        divide_by = power_of_length if self.length_normalization == "power" else gnmt_length_penalty
        return divide_by(lengths, self.length_penalty)
