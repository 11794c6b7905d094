"""The training loop of claims about classifiers."""

from __future__ import annotations

import math

import pytest
import torch
from claim_clock import SilentClock
from torch import nn

from gyebo.claims.classifying import Examples, Training, judge, train, train_stepwise, updates_until
from gyebo.claims.training import seeded
from gyebo.models.foundations.perceptron import Perceptron, PerceptronConfig
from gyebo.training.config import OptimizerConfig, ScheduleConfig

SETTINGS = Training(optimizer=OptimizerConfig(name="sgd", rate=0.5), batch=8)


@pytest.fixture
def examples():
    """Two clouds that lie apart."""
    labels = torch.arange(30) % 2
    draw = torch.Generator().manual_seed(1)
    return Examples(torch.randn(30, 3, generator=draw) + 4.0 * labels[:, None], labels)


def linear(seed: int = 1) -> nn.Linear:
    with seeded(seed):
        return nn.Linear(3, 2)


def test_training_learns_and_asks_the_clock(examples):
    model, clock = linear(), SilentClock()
    before = judge(model, examples).loss
    assert train(model, examples, SETTINGS, 1, clock, 40) < before
    assert clock.calls == 40
    assert judge(model, examples).accuracy > 0.9


def test_the_same_seed_gives_the_same_weights(examples):
    def weights(seed: int) -> torch.Tensor:
        model = linear()
        train(model, examples, SETTINGS, seed, SilentClock(), 5)
        return model.weight.detach()

    assert torch.equal(weights(3), weights(3))
    assert not torch.equal(weights(3), weights(4))


def test_every_epoch_sees_each_example_once_in_an_order_of_its_own(examples):
    seen: list[torch.Tensor] = []

    class Watching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            seen.append(inputs[:, 0])
            return inputs[:, :2] * self.scale

    train(Watching(), examples, Training(optimizer=SETTINGS.optimizer, batch=10), 1, SilentClock(), 6)
    first, second = torch.cat(seen[:3]), torch.cat(seen[3:])
    assert torch.equal(first.sort().values, examples.inputs[:, 0].sort().values)
    assert torch.equal(first.sort().values, second.sort().values)
    assert not torch.equal(first, second)


def test_a_batch_larger_than_the_examples(examples):
    with pytest.raises(ValueError, match="A batch of 64 cannot be drawn from 30 examples"):
        next(train_stepwise(linear(), examples, Training(optimizer=SETTINGS.optimizer), 1, SilentClock(), 1))


def test_a_model_is_trained_with_the_loss_of_its_paper(examples):
    """Where every pattern is on its right side, the perceptron criterion is 0; the cross-entropy never is."""
    model = Perceptron(PerceptronConfig(num_channels=3, num_classes=2, image_size=1))
    images = Examples(examples.inputs[:, :, None, None] - 2, examples.labels)
    rule = Training(optimizer=OptimizerConfig(name="sgd", rate=0.01, clip=0.0), batch=1)
    losses = list(train_stepwise(model, images, rule, 1, SilentClock(), 300))
    assert bool(model.output.weight.any()), "zero weights have learned nothing"
    assert losses[-30:] == [0.0] * 30
    assert judge(model, images).accuracy == 1
    assert judge(model, images).loss > 0


def test_the_schedule_begins_low(examples):
    def moved(warmup: int) -> float:
        model = linear()
        first = model.weight.detach().clone()
        next(
            train_stepwise(
                model,
                examples,
                Training(optimizer=SETTINGS.optimizer, schedule=ScheduleConfig(warmup=warmup), batch=8),
                1,
                SilentClock(),
                1,
            )
        )
        return float((model.weight.detach() - first).abs().max())

    assert moved(10) == pytest.approx(moved(0) / 10, rel=1e-3)


def test_gradients_are_clipped_only_where_that_is_asked_for(examples):
    def moved(clip: float) -> float:
        model = linear()
        first = torch.cat([item.detach().flatten() for item in model.parameters()])
        settings = Training(optimizer=OptimizerConfig(name="sgd", rate=1.0, clip=clip), batch=8)
        train(model, Examples(100 * examples.inputs, 1 - examples.labels), settings, 1, SilentClock(), 1)
        return float((torch.cat([item.detach().flatten() for item in model.parameters()]) - first).norm())

    assert moved(0.5) == pytest.approx(0.5, rel=1e-3)
    assert moved(0.0) > 1


def test_a_training_that_diverges_has_an_infinite_loss_and_reaches_nothing(examples):
    wild = Training(optimizer=OptimizerConfig(name="sgd", rate=1e30, clip=0.0), batch=8)
    deep = nn.Sequential(linear(), nn.Linear(2, 2))
    assert train(deep, examples, wild, 1, SilentClock(), 20) == math.inf
    deep = nn.Sequential(linear(), nn.Linear(2, 2))
    assert updates_until(lambda: False, deep, examples, wild, 1, SilentClock(), most=20, every=5) is None


def test_updates_until_something_is_reached(examples):
    looked: list[bool] = []

    def reached(model: nn.Module) -> bool:
        looked.append(model.training)
        judge(model, examples)
        return len(looked) == 3

    model = linear()
    assert updates_until(lambda: reached(model), model, examples, SETTINGS, 1, SilentClock(), most=100, every=4) == 12
    assert looked == [True] * 3, "looking leaves the model in evaluation mode, and training goes on in training mode"
    assert updates_until(lambda: False, model, examples, SETTINGS, 1, SilentClock(), most=9, every=4) is None


def test_a_judgement_is_of_all_examples_in_evaluation_mode(examples, monkeypatch):
    monkeypatch.setattr("gyebo.claims.classifying.AT_ONCE", 7)
    model = nn.Sequential(linear(), nn.Dropout(0.9))
    found = judge(model, examples)
    logits = model.eval()(examples.inputs).detach()
    assert found.loss == pytest.approx(float(nn.functional.cross_entropy(logits, examples.labels)))
    assert found.accuracy == pytest.approx(float((logits.argmax(-1) == examples.labels).double().mean()))
    assert not model.training
