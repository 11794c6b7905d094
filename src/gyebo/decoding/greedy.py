"""Greedy search: at every step the most likely token."""

from __future__ import annotations

import torch
from torch import Tensor

from gyebo.decoding.hypothesis import DecodingConfig, Hypothesis, select_rows
from gyebo.models.interfaces import BEGIN, END, PADDING, Translator

__all__ = ["greedy_search"]


@torch.inference_mode()
def greedy_search(model: Translator, source: Tensor, source_lengths: Tensor, config: DecodingConfig) -> list[Hypothesis]:
    """The most likely token at each step, for a batch of sources (B, S); finished sentences leave the batch.

    Padding and the begin mark are never written. Returns one hypothesis a row, in the order of the rows.
    """
    memory = model.encode(source, source_lengths)
    state = model.start(memory)
    limits = config.max_lengths(source_lengths)
    alive = torch.arange(len(source), device=source.device)  # the rows still being written
    tokens = torch.full((len(source),), BEGIN, device=source.device)
    written: list[list[int]] = [[] for _ in source]
    totals = [0.0] * len(source)
    alignments: list[list[Tensor]] = [[] for _ in source]
    for position in range(int(limits.max())):
        logits, state = model.step(tokens, state, memory)
        log_probabilities = logits.float().log_softmax(-1)  # (rows alive, V)
        log_probabilities[:, [PADDING, BEGIN]] = -torch.inf
        best, tokens = log_probabilities.max(-1)
        for row, token, log_probability in zip(alive.tolist(), tokens.tolist(), best.tolist(), strict=True):
            written[row].append(token)
            totals[row] += log_probability
        if "alignment" in state:
            for row, weights in zip(alive.tolist(), state["alignment"], strict=True):
                alignments[row].append(weights[: source_lengths[row]])
        going = ((tokens != END) & (limits[alive] > position + 1)).nonzero().squeeze(1)
        if len(going) == 0:
            break
        if len(going) < len(alive):
            alive, tokens = alive[going], tokens[going]
            state, memory = select_rows(state, going), select_rows(memory, going)
    return [
        Hypothesis(numbers, total, total / len(numbers) ** config.length_penalty, torch.stack(alignment) if alignment else None)
        for numbers, total, alignment in zip(written, totals, alignments, strict=True)
    ]
