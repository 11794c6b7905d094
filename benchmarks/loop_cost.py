"""What the training loop costs: a step of a tiny model in gyebo's Trainer beside the same step in a bare PyTorch loop.

    python benchmarks/loop_cost.py [--json FILE] [--rounds 15] [--steps 200] [--threads 1]

The bare loop does what any loop must: take the batch, forward, loss, backward, clip by the gradient's norm, fused Adam,
zero the gradients, and read the loss.  The Trainer does so too, and also guards against NaN, seeds the random draws of
each step, follows the schedule, writes metrics.jsonl (every 50 steps), reports progress, and looks for signals and limits.
Both take the same batches in the same order from the same tensors in memory; picking a batch's rows is in both times.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from timing import alternate, environment, write_results
from torch import Tensor, nn
from torch.nn import functional as F

from gyebo.data.batching import Rows
from gyebo.models.attention.bahdanau import Bahdanau, BahdanauConfig
from gyebo.tasks.interface import Interrupt
from gyebo.training.config import EvaluationConfig, OptimizerConfig, TrainingConfig
from gyebo.training.loop import Trainer

NEVER = 10**9
RATIO_ALLOWED = 1.1
NUM_ROWS, ROWS_A_BATCH = 4096, 16
RATE, CLIP = 1e-3, 1.0


class Batches:
    """A split of rows of equal size; the same order in every epoch."""

    def __init__(self) -> None:
        self._batches = list(np.arange(NUM_ROWS).reshape(-1, ROWS_A_BATCH))

    def __len__(self) -> int:
        return NUM_ROWS

    def batches(self, tokens: int, seed: int, epoch: int) -> list[Rows]:
        return self._batches

    def num_tokens(self, rows: Rows) -> int:
        return len(rows)


class Problem:
    """A loss, summed over the rows of a batch: all that the Trainer is told."""

    def __init__(self, loss: Callable[[nn.Module, Rows], Tensor]) -> None:
        self.training = self.validation = Batches()
        self._loss = loss

    def loss(self, model: nn.Module, rows: Rows, device: str) -> Tensor:
        return self._loss(model, rows)

    def validate(self, model: nn.Module, device: str, interrupt: Interrupt) -> dict[str, float]:
        return {"loss": 0.0}

    def higher_is_better(self, metric: str) -> bool:
        return False


def perceptron() -> tuple[nn.Module, Callable[[nn.Module, Rows], Tensor]]:
    """Two layers, 16 rows: a step that is nearly nothing but overhead."""
    inputs, labels = torch.randn(NUM_ROWS, 32), torch.randint(10, (NUM_ROWS,))

    def loss(model: nn.Module, rows: Rows) -> Tensor:
        chosen = torch.from_numpy(rows)
        return F.cross_entropy(model(inputs[chosen]), labels[chosen], reduction="sum")

    return nn.Sequential(nn.Linear(32, 64), nn.Tanh(), nn.Linear(64, 10)), loss


def translator() -> tuple[nn.Module, Callable[[nn.Module, Rows], Tensor]]:
    """Bahdanau's model with 3 words a sentence, 16 sentences: the smallest of the models that gyebo trains."""
    source, target = torch.randint(4, 50, (2, NUM_ROWS, 3))
    lengths = torch.full((ROWS_A_BATCH,), 3)
    config = BahdanauConfig(
        source_vocabulary=50, target_vocabulary=50, embedding_width=32, width=32, alignment_width=32, readout_width=32
    )

    def loss(model: nn.Module, rows: Rows) -> Tensor:
        chosen = torch.from_numpy(rows)
        logits = model(source[chosen], lengths, target[chosen])
        return F.cross_entropy(logits.flatten(0, 1), target[chosen].flatten(), reduction="sum")

    return Bahdanau(config), loss


def bare_steps(model: nn.Module, loss: Callable[[nn.Module, Rows], Tensor]) -> Iterator[float]:
    """The loop as one would write it by hand; one loss for each step, for ever."""
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE, fused=True)
    split = Batches()
    epoch = 0
    while True:
        for rows in split.batches(0, 1, epoch):
            mean = loss(model, rows) / split.num_tokens(rows)
            mean.backward()
            nn.utils.clip_grad_norm_(model.parameters(), CLIP)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            yield mean.item()
        epoch += 1
