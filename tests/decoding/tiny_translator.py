"""A tiny translator whose probabilities are random but depend on everything that they may depend on."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gyebo.layers.sequence import per_hypothesis, real_positions
from gyebo.models.interfaces import BEGIN, END, PADDING, State

SOURCES = [[5, 6, 4, 3], [7, 3], [4, 4, 8, 5, 6, 3], [8, 6, 3]]


class TinyTranslator(nn.Module):
    """A recurrent step over random weights; alignment is a softmax over the real source positions."""

    def __init__(self, vocabulary: int, seed: int, width: int = 6) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)

        def weight(*sizes: int) -> Tensor:
            return torch.randn(*sizes, generator=generator)

        self.source, self.target = weight(12, width), weight(vocabulary, width)
        self.recurrent, self.output = weight(width, width) / 2, weight(width, vocabulary) * 1.5

    def encode(self, source: Tensor, source_lengths: Tensor) -> State:
        real = real_positions(source_lengths, source.shape[1])
        return {"values": self.source[source] * real[..., None], "real": real}

    def start(self, memory: State) -> State:
        values = memory["values"]
        return {"hidden": values.sum(1).tanh(), "alignment": torch.zeros(values.shape[:2])}

    def step(self, tokens: Tensor, state: State, memory: State) -> tuple[Tensor, State]:
        values, real = (per_hypothesis(memory[name], len(tokens)) for name in ("values", "real"))
        scores = (values * state["hidden"][:, None]).sum(-1)
        weights = scores.masked_fill(~real, -torch.inf).softmax(-1)
        context = (weights[..., None] * values).sum(1)
        hidden = torch.tanh(state["hidden"] @ self.recurrent + self.target[tokens] + context)
        return hidden @ self.output, {"hidden": hidden, "alignment": weights}


class Looping(TinyTranslator):
    """Whatever it reads, it writes token 4, or END with probability `end`."""

    def __init__(self, end: float) -> None:
        super().__init__(vocabulary=5, seed=0)
        self.probabilities = torch.tensor([0.0, 0.0, 0.0, end, 1.0 - end])

    def step(self, tokens: Tensor, state: State, memory: State) -> tuple[Tensor, State]:
        return self.probabilities.log().expand(len(tokens), -1), state


def batch(sources: list[list[int]] = SOURCES) -> tuple[Tensor, Tensor]:
    longest = max(map(len, sources))
    rows = [row + [PADDING] * (longest - len(row)) for row in sources]
    return torch.tensor(rows), torch.tensor([len(row) for row in sources])


def log_probability(model: TinyTranslator, source: list[int], tokens: list[int]) -> float:
    """The sum of log p of an output, one token after the other: what a search must have added up."""
    memory = model.encode(*batch([source]))
    state, total, before = model.start(memory), 0.0, BEGIN
    for token in tokens:
        logits, state = model.step(torch.tensor([before]), state, memory)
        total += float(logits.log_softmax(-1)[0, token])
        before = token
    return total


def all_outputs(vocabulary: int, limit: int) -> list[list[int]]:
    """Every output of at most `limit` tokens that ends with END."""
    tokens = [token for token in range(vocabulary) if token not in (PADDING, BEGIN, END)]
    open_outputs: list[list[int]] = [[]]
    outputs = []
    for _ in range(limit):
        outputs += [[*output, END] for output in open_outputs]
        open_outputs = [[*output, token] for output in open_outputs for token in tokens]
    return outputs
