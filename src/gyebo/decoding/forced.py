"""Forced decoding: the probability of a translation that is given."""

from __future__ import annotations

import torch
from torch import Tensor

from gyebo.decoding.scoring import log_normalizer
from gyebo.layers.sequence import real_positions
from gyebo.models.interfaces import BEGIN, PADDING, Translator

__all__ = ["score"]

ROWS_AT_ONCE = 512
"""target tokens whose logits over the vocabulary are in memory together"""


@torch.inference_mode()
def score(model: Translator, source: Tensor, source_lengths: Tensor, target: Tensor, target_lengths: Tensor) -> Tensor:
    """log p(y_t | y_1 .. y_{t-1}, x) of each token of given translations: what decoding step by step would add up.

    source (B, S), target (B, T), padded, with lengths (B,); a complete translation ends with END, which is a token like the others.
    Returns (B, T) in float64, 0 at padding.
    """
    real = real_positions(target_lengths, target.shape[1])
    before = torch.cat([target.new_full((len(target), 1), BEGIN), target[:, :-1]], 1).masked_fill(~real, PADDING)
    features, tokens = model.features(source, source_lengths, before)[real], target[real]
    log_probabilities = []
    for some_features, some_tokens in zip(features.split(ROWS_AT_ONCE), tokens.split(ROWS_AT_ONCE), strict=True):
        logits = model.logits(some_features)
        log_probabilities.append((logits.gather(1, some_tokens.unsqueeze(1)) - log_normalizer(logits)).squeeze(1))
    return torch.zeros(target.shape, dtype=torch.float64, device=target.device).masked_scatter(
        real, torch.cat(log_probabilities).double()
    )
