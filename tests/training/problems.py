"""A small problem for the loop: any task would do, for the loop knows none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gyebo.config import from_mapping
from gyebo.data.batching import Rows, epoch_batches
from gyebo.errors import UsageError
from gyebo.training.config import TrainingConfig
from gyebo.training.loop import Trainer


class Points:
    """Rows of numbers with a class each; a row counts as many tokens as its length says."""

    def __init__(self, count: int, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.inputs = torch.randn(count, 5, generator=generator)
        self.classes = (self.inputs @ torch.randn(5, 3, generator=generator)).argmax(-1)
        self.lengths = np.arange(count, dtype=np.int64) % 4 + 1

    def __len__(self) -> int:
        return len(self.inputs)

    def batches(self, tokens: int, seed: int, epoch: int) -> list[Rows]:
        return epoch_batches([self.lengths], tokens, seed, epoch)

    def num_tokens(self, rows: Rows) -> int:
        return int(self.lengths[rows].sum())


class Classify:
    """A `gyebo.tasks.interface.Problem`.  validation: what `validate` returns, one a call, or None to measure."""

    def __init__(self, validation: list[float] | None = None) -> None:
        self.training, self.validation = Points(48, seed=1), Points(20, seed=2)
        self.told = validation

    def loss(self, model: nn.Module, rows: Rows, device: str) -> Tensor:
        weights = torch.from_numpy(self.training.lengths[rows])
        return (F.cross_entropy(model(self.training.inputs[rows]), self.training.classes[rows], reduction="none") * weights).sum()

    def validate(self, model: nn.Module, device: str, interrupt: Callable[[], None]) -> dict[str, float]:
        interrupt()
        with torch.inference_mode():
            logits = model(self.validation.inputs)
        right = (logits.argmax(-1) == self.validation.classes).double().mean().item()
        loss = F.cross_entropy(logits, self.validation.classes).item()
        return {"loss": self.told.pop(0) if self.told else loss, "accuracy": right}

    def higher_is_better(self, metric: str) -> bool:
        if metric not in ("loss", "accuracy"):
            raise UsageError(f"There is no metric {metric!r}.")
        return metric == "accuracy"


class Net(nn.Module):
    """Tied weights, a buffer and dropout: all that a checkpoint has to carry."""

    def __init__(self, dropout: float = 0.2) -> None:
        super().__init__()
        self.first = nn.Linear(5, 8)
        self.middle = nn.Linear(8, 8)
        self.again = nn.Linear(8, 8)
        self.again.weight = self.middle.weight
        self.dropout = nn.Dropout(dropout)
        self.last = nn.Linear(8, 3)
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    def forward(self, inputs: Tensor) -> Tensor:
        if self.training:
            self.calls += 1
        return self.last(self.dropout(self.again(self.middle(self.first(inputs).tanh()).tanh())))


def net(seed: int = 0, dropout: float = 0.2) -> Net:
    torch.manual_seed(seed)
    return Net(dropout)


def config(**options: Any) -> TrainingConfig:
    """Twelve steps with an evaluation each four, unless told otherwise."""
    given = {"steps": 12, "epochs": 0, "log_every": 3, "batch": {"tokens": 24}, "evaluation": {"every": 4}} | options
    return from_mapping(TrainingConfig, given)


def trainer(folder: Path, model: nn.Module | None = None, problem: Any = None, **options: Any) -> Trainer:
    folder.mkdir(exist_ok=True)
    return Trainer(model or net(), problem or Classify(), config(**options), folder)


def weights(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def same(left: dict[str, Tensor], right: dict[str, Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)
