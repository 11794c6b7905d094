"""The training loop of claims about classifiers: updates on labelled examples, and how well they are then told apart.

A claim trains many small models for seconds each, so its loop keeps no run folder and no checkpoint. Optimizer, schedule and the loss
that a model's paper gives it are those of every recipe.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn

from gyebo.claims.interface import Clock
from gyebo.models.interfaces import OwnLoss
from gyebo.training.config import OptimizerConfig, ScheduleConfig
from gyebo.training.optimizers import build_optimizer, rate_factor
from gyebo.training.randomness import mix

__all__ = ["Examples", "Judgement", "Training", "judge", "train", "train_stepwise", "updates_until"]

AT_ONCE = 500


class Examples(NamedTuple):
    """inputs: (N, ...), one row an example.  labels: (N,)."""

    inputs: Tensor
    labels: Tensor

    def first(self, count: int) -> Examples:
        return Examples(self.inputs[:count], self.labels[:count])


@dataclass(frozen=True, kw_only=True)
class Training:
    """How the models of a claim are trained."""

    optimizer: OptimizerConfig
    batch: int = 64
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)


class Judgement(NamedTuple):
    """A classifier on examples, in evaluation mode."""

    loss: float
    """cross-entropy, nats an example; infinite or NaN where a training diverged"""
    accuracy: float


def train_stepwise(
    model: nn.Module, examples: Examples, training: Training, seed: int, clock: Clock, updates: int
) -> Iterator[float]:
    """Make so many updates, and hand out the loss of the batch after each: whoever iterates may stop earlier.

    Every epoch has an order of its own, a pure function of seed and epoch; a last batch that is not full is left out.
    """
    optimizer = build_optimizer(model.parameters(), training.optimizer)
    model.train()
    for update, rows in enumerate(itertools.islice(_batches(len(examples.labels), training.batch, seed), updates), 1):
        clock()
        for group in optimizer.param_groups:
            group["lr"] = training.optimizer.rate * rate_factor(training.schedule, update, last_step=updates)
        inputs, labels = examples.inputs[rows], examples.labels[rows]
        optimizer.zero_grad()
        if isinstance(model, OwnLoss):
            loss = model.training_loss(inputs, labels) / len(labels)
        else:
            loss = nn.functional.cross_entropy(model(inputs), labels)
        loss.backward()
        if training.optimizer.clip:
            nn.utils.clip_grad_norm_(model.parameters(), training.optimizer.clip)
        optimizer.step()
        yield float(loss.detach())


def _batches(count: int, size: int, seed: int) -> Iterator[Tensor]:
    if size > count:
        raise ValueError(f"A batch of {size} cannot be drawn from {count} examples: take a smaller one.")
    for epoch in itertools.count():
        order = torch.randperm(count, generator=torch.Generator().manual_seed(mix(seed, epoch)))
        yield from order.split(size)[: count // size]


def train(model: nn.Module, examples: Examples, training: Training, seed: int, clock: Clock, updates: int) -> float:
    """Train for so many updates, and return the mean loss of the last tenth of the batches; infinite where it diverged."""
    losses = list(train_stepwise(model, examples, training, seed, clock, updates))
    last = losses[-max(1, updates // 10) :]
    mean = sum(last) / len(last)
    return mean if math.isfinite(mean) else math.inf


def updates_until(
    reached: Callable[[], bool],
    model: nn.Module,
    examples: Examples,
    training: Training,
    seed: int,
    clock: Clock,
    *,
    most: int,
    every: int,
) -> int | None:
    """Train until something is reached, looked at every so many updates; None where it is not within `most` of them."""
    for update, loss in enumerate(train_stepwise(model, examples, training, seed, clock, most), 1):
        if not math.isfinite(loss):
            return None
        if update % every == 0:
            found = reached()
            model.train()
            if found:
                return update
    return None


def judge(model: nn.Module, examples: Examples) -> Judgement:
    """Loss and accuracy; the model is left in evaluation mode."""
    model.eval()
    loss, right = 0.0, 0
    with torch.inference_mode():
        for inputs, labels in zip(examples.inputs.split(AT_ONCE), examples.labels.split(AT_ONCE), strict=True):
            logits = model(inputs)
            loss += float(nn.functional.cross_entropy(logits, labels, reduction="sum"))
            right += int((logits.argmax(-1) == labels).sum())
    return Judgement(loss / len(examples.labels), right / len(examples.labels))
