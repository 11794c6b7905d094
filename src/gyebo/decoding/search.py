"""Decoding as the settings say: greedy, with a beam, or by sampling."""

from __future__ import annotations

import math

from torch import Tensor

from gyebo.decoding.beam_search import beam_search
from gyebo.decoding.config import DecodingConfig
from gyebo.decoding.hypothesis import Hypothesis
from gyebo.decoding.sampling import sample
from gyebo.errors import GyeboError
from gyebo.models.interfaces import Translator

__all__ = ["decode"]


def decode(
    model: Translator, source: Tensor, source_lengths: Tensor, config: DecodingConfig, limit: int | None = None
) -> list[list[Hypothesis]]:
    """The outputs for each source row (B, S), at most `config.n_best`: best first where they are searched, as drawn where sampled.

    limit: the most tokens that the model can write, where it has a limit of its own.
    Raises UsageError for a coverage penalty where the model does not align, GyeboError where its probabilities are no numbers.
    """
    find = sample if config.sampling.samples else beam_search
    found = find(model, source, source_lengths, config, limit)
    if not all(hypotheses and all(math.isfinite(item.log_probability) for item in hypotheses) for hypotheses in found):
        raise GyeboError(
            "The model's probabilities are no finite numbers, so no output can be searched for. Its weights are damaged, or its training"
            " diverged: restore them, or train it again at a smaller rate."
        )
    return [hypotheses[: config.n_best] for hypotheses in found]
