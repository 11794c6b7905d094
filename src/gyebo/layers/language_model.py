"""A recurrent network that predicts the next token: word vectors, a recurrent layer, an output layer."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from gyebo.layers.dropout import Dropout
from gyebo.layers.recurrent import LSTM, Recurrent

__all__ = ["RecurrentLanguageModel"]


class RecurrentLanguageModel(nn.Module):
    """p(x_1 .. x_T) = prod_t p(x_t | x_1 .. x_{t-1}), with the past in the recurrent state.  Elman 1990, figure 2.

    recurrent: the layer, which decides how the past is kept; everything else is the same for all of them.
    A `gyebo.models.interfaces.LanguageModel`.
    """

    def __init__(self, vocabulary: int, embedding_width: int, recurrent: Recurrent[Any], dropout: float, padding: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding_width, padding)
        self.recurrent = recurrent
        self.dropout = Dropout(dropout)
        self.output = nn.Linear(recurrent.width, vocabulary)

    def features(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """tokens (B, T) -> hidden states (B, T, D). Padding stands at the end, where no real position can see it."""
        hidden, _ = self.recurrent(self.dropout(self.embedding(tokens)))
        return self.dropout(hidden)

    def logits(self, features: Tensor) -> Tensor:
        return self.output(features)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        return self.logits(self.features(tokens, lengths))

    def start(self, rows: int) -> dict[str, Tensor]:
        zeros = self.output.weight.new_zeros(rows, self.recurrent.num_layers, self.recurrent.width)
        return {"hidden": zeros, "cell": zeros} if isinstance(self.recurrent, LSTM) else {"hidden": zeros}

    def step(self, tokens: Tensor, state: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        embedded = self.dropout(self.embedding(tokens))  # (B, m)
        layered = [tensor.transpose(0, 1) for tensor in state.values()]  # (layers, B, D) each: h, and c of an LSTM
        output, following = self.recurrent.step(embedded, tuple(layered) if "cell" in state else layered[0])
        kept = following if "cell" in state else [following]
        return self.logits(self.dropout(output)), {name: tensor.transpose(0, 1) for name, tensor in zip(state, kept, strict=True)}
