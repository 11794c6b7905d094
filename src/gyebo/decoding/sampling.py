"""Sampling: every token drawn from what the model believes."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from gyebo.decoding.config import DecodingConfig
from gyebo.decoding.hypothesis import Hypothesis
from gyebo.decoding.roll_out import roll_out
from gyebo.decoding.rows import select_rows
from gyebo.decoding.scoring import keep_top_k, keep_top_p, log_normalizer
from gyebo.models.interfaces import Translator

__all__ = ["draw", "sample"]


@torch.inference_mode()
def sample(
    model: Translator, source: Tensor, source_lengths: Tensor, config: DecodingConfig, limit: int | None = None
) -> list[list[Hypothesis]]:
    """`config.sampling.samples` outputs of each source row (B, S), in the order in which they were drawn.

    log p and scores are the model's own: temperature, top_k and top_p change what is drawn, and not what it is worth.
    The random numbers of a sentence follow from the seed and its own tokens, so its samples do not depend on the others in its batch.
    Raises UsageError for a coverage penalty where the model does not align.
    """
    options, forbidden = config.sampling, torch.tensor(config.forbidden, device=source.device)
    repeated = torch.arange(len(source), device=source.device).repeat_interleave(options.samples)
    memory = select_rows(model.encode(source, source_lengths), repeated)
    lengths = source_lengths[repeated]
    limits = config.max_lengths(lengths, limit)
    numbers = torch.cat(
        [
            _random_numbers(row[:length], options.samples, int(limits.max()), options.seed)
            for row, length in zip(source.tolist(), source_lengths.tolist(), strict=True)
        ]
    ).to(source.device)  # (B * samples, positions)

    def choose(logits: Tensor, rows: Tensor, position: int) -> tuple[Tensor, Tensor]:
        allowed = logits.float().index_fill(1, forbidden, -torch.inf) / options.temperature
        if options.top_k:
            allowed = keep_top_k(allowed, options.top_k)
        if options.top_p < 1:
            allowed = keep_top_p(allowed, options.top_p)
        tokens = draw(allowed.softmax(-1), numbers[rows, position])
        return tokens, (logits.gather(1, tokens.unsqueeze(1)).float() - log_normalizer(logits)).squeeze(1)

    outputs = roll_out(model, memory, lengths, config, limits, choose)
    return [outputs[first : first + options.samples] for first in range(0, len(outputs), options.samples)]


def draw(probabilities: Tensor, numbers: Tensor) -> Tensor:
    """The token in whose share of [0, 1) the number of the row lies: (rows, V), (rows,) -> (rows,).

    Never a token of probability 0.

    >>> draw(torch.tensor([[0.25, 0.0, 0.75], [0.25, 0.0, 0.75]]), torch.tensor([0.1, 0.25]))
    tensor([0, 2])
    """
    shares = probabilities.double().cumsum(-1)  # (rows, V)
    # rounding may leave the last share a little below 1: scaled, the number always lies below it
    places = torch.searchsorted(shares, (numbers.double() * shares[:, -1]).unsqueeze(1), right=True).squeeze(1)
    last = (shares < shares[:, -1:]).sum(-1)  # the last token that has a share
    return torch.minimum(places, last)


def _random_numbers(sentence: list[int], samples: int, positions: int, seed: int) -> Tensor:
    """Numbers of [0, 1) for one sentence, (samples, positions): a longer limit adds positions and changes none."""
    digest = hashlib.sha256(repr((seed, sentence)).encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:8], "little", signed=True))
    return torch.rand(positions, samples, dtype=torch.float64, generator=generator).T
