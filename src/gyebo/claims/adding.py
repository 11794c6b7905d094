"""The adding problem (Hochreiter and Schmidhuber 1997, section 5.4): add the two marked numbers of a sequence, told at its end.

The modern form: numbers are uniform in [0, 1], one marker stands in each half, and the target is the plain sum. Always answering the
mean, 1, has a squared error of 1/6; knowing one of the two numbers halves it.

Letters: B sequences, T time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gyebo.claims.interface import Clock
from gyebo.layers import LSTM
from gyebo.layers.recurrent import Recurrent
from gyebo.training.randomness import mix

__all__ = ["BASELINE", "Adder", "Progress", "adding_problem", "explained", "learn", "open_forget_gate"]

BASELINE = 1 / 6
"""the squared error of always answering the mean: the variance of a sum of two uniform numbers"""
BATCH = 32
RATE = 2e-3
CLIP = 1.0
TEST_SEQUENCES = 1000
TEST_SEED = 0


def adding_problem(count: int, length: int, draw: torch.Generator) -> tuple[Tensor, Tensor]:
    """`count` sequences of `length` steps, at least 2.  Returns inputs (B, T, 2), a number and its marker, and targets (B,).

    >>> inputs, targets = adding_problem(4, 10, torch.Generator().manual_seed(1))
    >>> inputs[..., 1].sum(-1)
    tensor([2., 2., 2., 2.])
    >>> bool(((inputs[..., 0] * inputs[..., 1]).sum(-1) == targets).all())
    True
    """
    numbers = torch.rand(count, length, generator=draw)  # (B, T)
    markers = torch.zeros(count, length)
    rows, half = torch.arange(count), length // 2
    markers[rows, torch.randint(half, (count,), generator=draw)] = 1
    markers[rows, torch.randint(half, length, (count,), generator=draw)] = 1
    return torch.stack([numbers, markers], -1), (numbers * markers).sum(-1)


class Adder(nn.Module):
    """A recurrent layer that reads numbers with markers, and a line that reads the sum off its last output."""

    def __init__(self, layer: Recurrent) -> None:
        super().__init__()
        self.layer = layer
        self.sum = nn.Linear(layer.width, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        """(B, T, 2) -> (B,)."""
        outputs, _ = self.layer(inputs)  # (B, T, D)
        return self.sum(outputs[:, -1]).squeeze(-1)


def open_forget_gate(layer: LSTM) -> LSTM:
    """Let the cell keep what it holds from the start: forget bias 1 (Gers et al. 2000, Jozefowicz et al. 2015)."""
    keep = slice(layer.width, 2 * layer.width)  # gates i, f, g, o
    with torch.no_grad():
        layer.get_parameter("bias_ih_l0")[keep] = 1
        layer.get_parameter("bias_hh_l0")[keep] = 0
    return layer


def explained(error: float) -> float:
    """The share of the sum's variance that a model explains: 0 for always answering the mean, 0.5 for knowing one of the numbers.

    >>> explained(BASELINE), explained(BASELINE / 2)
    (0.0, 0.5)
    """
    return 1 - error / BASELINE


@dataclass(frozen=True)
class Progress:
    """How far a model has come: the updates done, and its squared error on test sequences."""

    updates: int
    error: float


def learn(model: Adder, length: int, *, updates: int, every: int, seed: int, clock: Clock) -> Iterator[Progress]:
    """Train on fresh sequences, and look at the test error every so many updates; the reader may stop listening.

    Adam at a constant rate, batches of 32, gradients clipped at a norm of 1. Two models with the same length and seed see the same
    sequences.
    """
    draw = torch.Generator().manual_seed(mix(seed, length))
    test_inputs, test_targets = adding_problem(TEST_SEQUENCES, length, torch.Generator().manual_seed(mix(TEST_SEED, length)))
    parameters = [*model.parameters()]
    optimizer = torch.optim.Adam(parameters, RATE, fused=True)
    for update in range(1, updates + 1):
        clock()
        inputs, targets = adding_problem(BATCH, length, draw)
        optimizer.zero_grad()
        F.mse_loss(model(inputs), targets).backward()
        nn.utils.clip_grad_norm_(parameters, CLIP)
        optimizer.step()
        if update % every == 0 or update == updates:
            with torch.no_grad():
                yield Progress(update, F.mse_loss(model(test_inputs), test_targets).item())
