"""Recurrent language models: torch.nn layers put together, and the equations again where torch has another variant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from gyebo.verification.parity.case import Answer, ParityCase, Weights

__all__ = ["CASES"]


class TorchLanguageModel(nn.Module):
    """torch.nn.Embedding, a recurrent layer of torch.nn and torch.nn.Linear, with the parameter names of ours."""

    def __init__(self, recurrent: type[nn.RNNBase], config: Any) -> None:
        super().__init__()
        self.embedding = nn.Embedding(config.vocabulary, config.embedding_width)
        self.recurrent = recurrent(config.embedding_width, config.width, config.num_layers)
        self.output = nn.Linear(config.width, config.vocabulary)

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens (T,) -> logits (T, V)."""
        return self.output(self.recurrent(self.embedding(tokens))[0])


def torch_language_model(recurrent: type[nn.RNNBase]) -> Callable[[Weights, Any, tuple[list[int], ...]], Answer]:
    """The reference that uses this layer of torch.nn."""

    def answer(weights: Weights, config: Any, example: tuple[list[int], ...]) -> Answer:
        model = TorchLanguageModel(recurrent, config).to(weights["output.weight"].dtype)
        return {"logits": functional_call(model, dict(weights), (torch.tensor(example[0]),), strict=True)}

    return answer


def cho_2014_unit(weights: Weights, config: Any, example: tuple[list[int], ...]) -> Answer:
    """Cho et al. 2014 (arXiv 1406.1078v3), equations 5-8: the reset gate works before the product, unlike torch.nn.GRU's."""
    (tokens,) = example
    states = [weights["output.weight"].new_zeros(config.width) for _ in range(config.num_layers)]
    logits = []
    for token in tokens:
        x = weights["embedding.weight"][token]
        for layer, h in enumerate(states):
            w_r, w_z, w = weights[f"recurrent.weight_ih_l{layer}"].chunk(3)
            u_r, u_z, u = weights[f"recurrent.weight_hh_l{layer}"].chunk(3)
            b_r, b_z, b = (weights[f"recurrent.bias_ih_l{layer}"] + weights[f"recurrent.bias_hh_l{layer}"]).chunk(3)
            r = torch.sigmoid(w_r @ x + u_r @ h + b_r)
            z = torch.sigmoid(w_z @ x + u_z @ h + b_z)
            x = states[layer] = z * h + (1 - z) * torch.tanh(w @ x + u @ (r * h) + b)
        logits.append(weights["output.weight"] @ x + weights["output.bias"])
    return {"logits": torch.stack(logits)}


CASES = (
    ParityCase(architecture="rnn", reference="torch.nn.RNN, Embedding and Linear", answer=torch_language_model(nn.RNN)),
    ParityCase(architecture="lstm", reference="torch.nn.LSTM, Embedding and Linear", answer=torch_language_model(nn.LSTM)),
    ParityCase(architecture="gru", reference="Cho et al. 2014, equations 5-8, sentence by sentence", answer=cho_2014_unit),
)
