"""The training loop of claims: updates of a model on pairs that were generated, and how well it then writes them.

A claim trains many small models for seconds each, so its loop keeps no run folder and no checkpoint: an interrupted seed is measured
again from its beginning. Batches, loss and optimizer are those of every recipe.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from gyebo.claims.interface import Clock
from gyebo.data.batching import Rows
from gyebo.models.interfaces import StochasticTranslator
from gyebo.tasks.next_token import sampled_loss, summed_loss
from gyebo.tasks.translate import TranslationPairs
from gyebo.training.config import OptimizerConfig, ScheduleConfig
from gyebo.training.optimizers import build_optimizer, rate_factor

__all__ = ["Budget", "Point", "Training", "Writing", "learning_curve", "seeded", "train", "train_stepwise", "writing"]


@dataclass(frozen=True, kw_only=True)
class Training:
    """How the models of a claim are trained, all of them alike: Adam on batches of equal token count."""

    rate: float
    tokens: int
    """the most padded tokens of the longer side in a batch"""
    warmup: int = 0
    """updates over which the rate grows from 0 in a line"""
    clip: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How much one seed of a claim may do: its own file says so, and a test does less."""

    updates: int
    training_pairs: int
    test_pairs: int
    """of each group, where there are several"""


class Point(NamedTuple):
    """A model on its way."""

    updates: int
    seconds: float
    """of the processor, spent on updates alone"""
    accuracy: float
    """token accuracy on pairs that it was not trained on"""


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """torch draws from this seed inside, and goes on afterwards as if nothing had been drawn.

    >>> with seeded(1):
    ...     first = torch.rand(1)
    >>> with seeded(1):
    ...     bool(torch.rand(1) == first)
    True
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def train_stepwise(model: nn.Module, pairs: TranslationPairs, training: Training, seed: int, clock: Clock) -> Iterator[int]:
    """Train without end, and hand out the number of updates made after each: whoever iterates says when it is enough.

    The order of the batches is a pure function of the seed.
    """
    config = OptimizerConfig(rate=training.rate, clip=training.clip)
    schedule = ScheduleConfig(warmup=training.warmup)
    optimizer = build_optimizer(model.parameters(), config)
    loss_of = sampled_loss if isinstance(model, StochasticTranslator) else summed_loss
    model.train()
    for update, rows in enumerate(_endless_batches(pairs, training.tokens, seed), 1):
        clock()
        for group in optimizer.param_groups:
            group["lr"] = training.rate * rate_factor(schedule, update, last_step=0)
        optimizer.zero_grad()
        loss = loss_of(model, pairs, rows, "cpu") / pairs.num_tokens(rows)
        loss.backward()
        if training.clip:
            nn.utils.clip_grad_norm_(model.parameters(), training.clip)
        optimizer.step()
        yield update


def train(model: nn.Module, pairs: TranslationPairs, updates: int, training: Training, seed: int, clock: Clock) -> None:
    """Train for so many updates."""
    for _ in itertools.islice(train_stepwise(model, pairs, training, seed, clock), updates):
        pass


def learning_curve(
    model: nn.Module,
    pairs: TranslationPairs,
    test: TranslationPairs,
    training: Training,
    seed: int,
    clock: Clock,
    *,
    updates: int,
    every: int,
    enough: float,
) -> list[Point]:
    """Train until the token accuracy on `test` is `enough`, or for so many updates; a point every so many, the last one included.

    Raises ValueError where `every` is more than the updates, for the curve would have no point.
    """
    if not 0 < every <= updates:
        raise ValueError(f"every={every} is to be a number from 1 to {updates}, the updates.")
    points: list[Point] = []
    seconds, begun = 0.0, time.process_time()
    for update in train_stepwise(model, pairs, training, seed, clock):
        if update % every == 0 or update == updates:
            seconds += time.process_time() - begun
            points.append(Point(update, seconds, writing(model, test, clock).accuracy))
            begun = time.process_time()
            if points[-1].accuracy >= enough or update >= updates:
                break
    return points


def _endless_batches(pairs: TranslationPairs, tokens: int, seed: int) -> Iterator[Rows]:
    for epoch in itertools.count():
        yield from pairs.batches(tokens, seed, epoch)


@dataclass(frozen=True)
class Writing:
    """How well a model wrote each pair, END included, given the reference up to each token."""

    right: NDArray[np.int64]
    """tokens that were the model's first choice, a number a pair"""
    lengths: NDArray[np.int64]
    """tokens in all"""
    losses: NDArray[np.float64]
    """nats, summed over the tokens of a pair"""

    @property
    def accuracy(self) -> float:
        """The share of tokens that were right."""
        return float(self.right.sum() / self.lengths.sum())

    @property
    def exact(self) -> float:
        """The share of pairs without a wrong token: these are what greedy search writes exactly, for it then never leaves the reference."""
        return float((self.right == self.lengths).mean())

    @property
    def loss(self) -> float:
        """Nats a token."""
        return float(self.losses.sum() / self.lengths.sum())

    def of_length(self, shortest: int, longest: int) -> Writing:
        """The pairs whose targets have from `shortest` to `longest` tokens, END not counted."""
        chosen = (self.lengths > shortest) & (self.lengths <= longest + 1)
        return Writing(self.right[chosen], self.lengths[chosen], self.losses[chosen])


def writing(model: nn.Module, pairs: TranslationPairs, clock: Clock) -> Writing:
    """Let a model write pairs that it was not trained on, and leave it in training mode."""
    model.eval()
    right, losses = np.zeros(len(pairs), np.int64), np.zeros(len(pairs))
    with torch.inference_mode():
        for rows in pairs.in_order(tokens=4000):
            clock()
            features, following = pairs.real_features(model, rows, "cpu")
            logits = model.logits(features)  # type: ignore[operator]  # (tokens, V)
            first = np.cumsum(pairs.target.lengths[rows]) - pairs.target.lengths[rows]  # where each pair begins among the tokens
            right[rows] = np.add.reduceat((logits.argmax(-1) == following).numpy().astype(np.int64), first)
            loss = nn.functional.cross_entropy(logits, following, reduction="none")
            losses[rows] = np.add.reduceat(loss.double().numpy(), first)
    model.train()
    return Writing(right, pairs.target.lengths, losses)
