"""Hard attention: the paper's equations again, one sentence, one word and one place at a time."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gyebo.verification.parity.case import Answer, ParityCase, Weights

__all__ = ["CASES", "xu_2015"]


def xu_2015(weights: Weights, config: Any, example: tuple[list[int], ...]) -> Answer:
    """Xu et al. 2015, arXiv 1502.03044, eq. 1 to 7 with the paper's letters, over the states of a bidirectional LSTM.

    Hard reading takes the likeliest place. Its gradient is that of the expectation, written as the place read plus a term that is 0.
    """
    source, target = example
    zeros = weights["output.weight"].new_zeros(config.width)

    def read(words: list[int], suffix: str) -> list[Tensor]:
        h, c, states = zeros, zeros, []
        for x in words:
            products = weights[f"encoder.weight_ih_{suffix}"] @ weights["source_embedding.weight"][x]
            products = products + weights[f"encoder.weight_hh_{suffix}"] @ h
            h, c = _lstm(products + weights[f"encoder.bias_ih_{suffix}"] + weights[f"encoder.bias_hh_{suffix}"], c)
            states.append(h)
        return states

    backward = read(source[::-1], "l0_reverse")[::-1]
    a = [torch.cat(pair) for pair in zip(read(source, "l0"), backward, strict=True)]
    mean = torch.stack(a).sum(0) / len(a)
    h = torch.tanh(weights["decoder.first_hidden.weight"] @ mean + weights["decoder.first_hidden.bias"])  # section 3.1.2
    c = torch.tanh(weights["decoder.first_cell.weight"] @ mean + weights["decoder.first_cell.bias"])
    logits, alignment = [], []
    for y in target:
        word = weights["target_embedding.weight"][y]
        e = [_f_att(weights, a_i, h) for a_i in a]  # eq. 4
        largest = max(float(e_i.detach()) for e_i in e)
        exponentials = [torch.exp(e_i - largest) for e_i in e]
        alpha = [each / torch.stack(exponentials).sum() for each in exponentials]  # eq. 5
        alignment.append(torch.stack(alpha))
        if config.reading == "hard":
            probabilities = [float(each.detach()) for each in alpha]
            likeliest = probabilities.index(max(probabilities))
            alpha = [float(i == likeliest) + (each - each.detach()) for i, each in enumerate(alpha)]
        z = torch.stack([each * a_i for each, a_i in zip(alpha, a, strict=True)]).sum(0)
        products = weights["decoder.word.weight"] @ word + weights["decoder.recurrent.weight"] @ h  # eq. 1
        products = (
            products + weights["decoder.context.weight"] @ z + weights["decoder.word.bias"] + weights["decoder.recurrent.bias"]
        )
        h, c = _lstm(products, c)
        deep = word + weights["readout_hidden.weight"] @ h + weights["readout_hidden.bias"] + weights["readout_context.weight"] @ z
        logits.append(weights["output.weight"] @ deep + weights["output.bias"])  # eq. 7
    return {"logits": torch.stack(logits), "alignment": torch.stack(alignment)}


def _f_att(weights: Weights, a_i: Tensor, h: Tensor) -> Tensor:
    key = weights["decoder.attention.key.weight"] @ a_i + weights["decoder.attention.key.bias"]
    return weights["decoder.attention.energy.weight"][0] @ torch.tanh(weights["decoder.attention.query.weight"] @ h + key)


def _lstm(products: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """h and c; eq. 2 and 3."""
    i, f, g, o = products.chunk(4)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


CASES = (
    ParityCase(
        architecture="hard-attention",
        reference="Xu et al. 2015, equations 1-7, sentence by sentence",
        answer=xu_2015,
    ),
)
