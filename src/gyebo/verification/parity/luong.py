"""Luong's translator: the paper's equations again, one sentence, one word and one source position at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from gyebo.verification.parity.case import Answer, ParityCase, Weights

__all__ = ["CASES", "luong_2015"]

ATTENTION = "decoder.attentional"


def luong_2015(weights: Weights, config: Any, example: tuple[list[int], ...]) -> Answer:
    """Luong et al. 2015, arXiv 1508.04025, sections 2 and 3, with the paper's letters; every score and window."""
    source, target = example
    *words, end = source
    zeros = weights["output.weight"].new_zeros(config.width)

    # section 4.1: the source is reversed; its end mark stays, and h_s is that of the word s as it was written
    states, read_backwards = [(zeros, zeros)] * config.num_layers, []
    for x in [*reversed(words), end]:
        top, states = _stack(weights, "encoder", weights["source_embedding.weight"][x], states)
        read_backwards.append(top)
    h_bar = [*reversed(read_backwards[:-1]), read_backwards[-1]]

    h_tilde, logits, alignment = zeros, [], []
    for t, y in enumerate(target):
        x = weights["target_embedding.weight"][y]
        h, states = _stack(weights, "decoder.lstm", torch.cat([x, h_tilde]) if config.input_feeding else x, states)
        p, gaussian = _centre(weights, config, h, t, len(source))
        near = [s for s in range(len(source)) if p is None or abs(s - float(p.detach())) <= config.half_window]
        scores = [SCORES[config.score](weights, h, h_bar[s], s) for s in near]
        largest = max(float(score.detach()) for score in scores)
        total = torch.stack([torch.exp(score - largest) for score in scores]).sum()
        a = dict.fromkeys(range(len(source)), zeros[0])  # eq. 7 in the window, 0 outside
        for s, score in zip(near, scores, strict=True):
            a[s] = torch.exp(score - largest) / total
            if gaussian and p is not None:
                sigma = config.half_window / 2
                a[s] = a[s] * torch.exp(-((s - p) ** 2) / (2 * sigma**2))  # eq. 10
        c = torch.stack([a[s] * h_s for s, h_s in enumerate(h_bar)]).sum(0)
        h_tilde = torch.tanh(weights[f"{ATTENTION}.combine.weight"] @ torch.cat([c, h]))  # eq. 5
        logits.append(weights["output.weight"] @ h_tilde)  # eq. 6
        alignment.append(torch.stack([a[s] for s in range(len(source))]))
    return {"logits": torch.stack(logits), "alignment": torch.stack(alignment)}


def _dot(weights: Weights, h: Tensor, h_s: Tensor, s: int) -> Tensor:
    return h @ h_s


def _general(weights: Weights, h: Tensor, h_s: Tensor, s: int) -> Tensor:
    return h @ (weights[f"{ATTENTION}.score.key.weight"] @ h_s)


def _concat(weights: Weights, h: Tensor, h_s: Tensor, s: int) -> Tensor:
    w_a = torch.cat([weights[f"{ATTENTION}.score.query.weight"], weights[f"{ATTENTION}.score.key.weight"]], 1)
    return weights[f"{ATTENTION}.score.energy.weight"][0] @ torch.tanh(w_a @ torch.cat([h, h_s]))


def _location(weights: Weights, h: Tensor, h_s: Tensor, s: int) -> Tensor:
    return weights[f"{ATTENTION}.score.positions.weight"][s] @ h  # eq. 8


SCORES: dict[str, Callable[[Weights, Tensor, Tensor, int], Tensor]] = {
    "dot": _dot,
    "general": _general,
    "concat": _concat,
    "location": _location,
}


def _centre(weights: Weights, config: Any, h: Tensor, t: int, length: int) -> tuple[Tensor | None, bool]:
    """p_t, and whether a Gaussian stands around it.  Section 3.2."""
    if config.window == "global":
        return None, False
    if config.window == "local-m":
        return h.new_tensor(min(t, length - 1)), False
    w_p, v_p = weights[f"{ATTENTION}.window.hidden.weight"], weights[f"{ATTENTION}.window.position.weight"][0]
    return length / (1 + torch.exp(-(v_p @ torch.tanh(w_p @ h)))), True  # eq. 9


def _stack(
    weights: Weights, name: str, x: Tensor, states: list[tuple[Tensor, Tensor]]
) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
    """One step of the LSTMs of Zaremba et al. 2015; each layer reads the h of the one below."""
    following = []
    for layer, (h, c) in enumerate(states):
        both = weights[f"{name}.weight_ih_l{layer}"] @ x + weights[f"{name}.weight_hh_l{layer}"] @ h
        i, f, g, o = (both + weights[f"{name}.bias_ih_l{layer}"] + weights[f"{name}.bias_hh_l{layer}"]).chunk(4)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        x = torch.sigmoid(o) * torch.tanh(c)
        following.append((x, c))
    return x, following


CASES = (
    ParityCase(
        architecture="luong",
        reference="Luong et al. 2015, sections 2 and 3, sentence by sentence",
        answer=luong_2015,
    ),
)
