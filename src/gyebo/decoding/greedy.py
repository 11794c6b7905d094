"""Greedy search: at every step the most likely token."""

from __future__ import annotations

import torch
from torch import Tensor

from gyebo.decoding.config import DecodingConfig
from gyebo.decoding.hypothesis import Hypothesis
from gyebo.decoding.roll_out import roll_out
from gyebo.decoding.scoring import most_likely
from gyebo.models.interfaces import Translator

__all__ = ["greedy_search"]


@torch.inference_mode()
def greedy_search(
    model: Translator, source: Tensor, source_lengths: Tensor, config: DecodingConfig, limit: int | None = None
) -> list[Hypothesis]:
    """The most likely token at each step, for a batch of sources (B, S); finished sentences leave the batch.

    Padding and the begin mark are never written. Returns one hypothesis a row, in the order of the rows.
    limit: the most tokens that the model can write, where it has a limit of its own.
    Raises UsageError for a coverage penalty where the model does not align.
    """

    def choose(logits: Tensor, rows: Tensor, position: int) -> tuple[Tensor, Tensor]:
        log_probabilities, tokens = most_likely(logits, 1, config.forbidden)
        return tokens.squeeze(1), log_probabilities.squeeze(1)

    limits = config.max_lengths(source_lengths, limit)
    return roll_out(model, model.encode(source, source_lengths), source_lengths, config, limits, choose)
