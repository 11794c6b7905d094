"""Models with attention: the papers' equations again, one sentence and one word at a time."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gyebo.verification.parity.case import Answer, ParityCase, Weights

__all__ = ["CASES"]


def bahdanau_2014(weights: Weights, config: Any, example: tuple[list[int], ...]) -> Answer:
    """Bahdanau et al. 2014, arXiv 1409.0473, appendix A, one vector after the other, with the paper's letters.

    The paper's z weighs the candidate, ours the old state: here it is the paper's, computed as 1 - sigma(a) = sigma(-a).
    """
    source, target = example
    width = config.width
    e_x, e_y = weights["source_embedding.weight"], weights["target_embedding.weight"]

    # A.2.1, the encoder
    def read(words: list[int], suffix: str) -> list[Tensor]:
        w_r, w_z, w = weights[f"encoder.weight_ih_{suffix}"].chunk(3)
        u_r, u_z, u = weights[f"encoder.weight_hh_{suffix}"].chunk(3)
        b_r, b_z, b = (weights[f"encoder.bias_ih_{suffix}"] + weights[f"encoder.bias_hh_{suffix}"]).chunk(3)
        h, states = w.new_zeros(width), []
        for x in words:
            z = torch.sigmoid(-(w_z @ e_x[x] + u_z @ h + b_z))
            r = torch.sigmoid(w_r @ e_x[x] + u_r @ h + b_r)
            h_tilde = torch.tanh(w @ e_x[x] + u @ (r * h) + b)
            h = (1 - z) * h + z * h_tilde
            states.append(h)
        return states

    forward, backward = read(source, "l0"), read(source[::-1], "l0_reverse")[::-1]
    annotations = [torch.cat(pair) for pair in zip(forward, backward, strict=True)]  # h_j

    # A.2.2, the decoder
    s = torch.tanh(weights["decoder.first_state.weight"] @ backward[0] + weights["decoder.first_state.bias"])
    w_a, u_a = weights["decoder.attention.query.weight"], weights["decoder.attention.key.weight"]
    b_a, v_a = weights["decoder.attention.key.bias"], weights["decoder.attention.energy.weight"][0]
    w_r, w_z, w = weights["decoder.word.weight"].chunk(3)
    c_r, c_z, c_s = weights["decoder.context.weight"].chunk(3)
    u_r, u_z, u = weights["decoder.recurrent.weight"].chunk(3)
    b_r, b_z, b = (weights["decoder.word.bias"] + weights["decoder.recurrent.bias"]).chunk(3)
    readout = weights["readout.weight"]
    u_o, c_o, v_o = readout[:, :width], readout[:, width : 3 * width], readout[:, 3 * width :]
    logits, alignment = [], []
    for y in target:
        energies = [v_a @ torch.tanh(w_a @ s + u_a @ h + b_a) for h in annotations]  # e_ij
        largest = max(float(energy.detach()) for energy in energies)
        exponentials = [torch.exp(energy - largest) for energy in energies]
        total = torch.stack(exponentials).sum()
        alpha = [exponential / total for exponential in exponentials]
        c = torch.stack([weight * h for weight, h in zip(alpha, annotations, strict=True)]).sum(0)

        t_tilde = u_o @ s + v_o @ e_y[y] + c_o @ c + weights["readout.bias"]
        t = torch.stack([torch.maximum(t_tilde[2 * i], t_tilde[2 * i + 1]) for i in range(len(t_tilde) // 2)])
        logits.append(weights["output.weight"] @ t + weights["output.bias"])
        alignment.append(torch.stack(alpha))

        z = torch.sigmoid(-(w_z @ e_y[y] + u_z @ s + c_z @ c + b_z))
        r = torch.sigmoid(w_r @ e_y[y] + u_r @ s + c_r @ c + b_r)
        s_tilde = torch.tanh(w @ e_y[y] + u @ (r * s) + c_s @ c + b)
        s = (1 - z) * s + z * s_tilde
    return {"logits": torch.stack(logits), "alignment": torch.stack(alignment)}


CASES = (
    ParityCase(
        architecture="bahdanau",
        reference="Bahdanau et al. 2014, appendix A, sentence by sentence",
        answer=bahdanau_2014,
    ),
)
