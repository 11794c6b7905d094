"""Optimizers equal torch's plain ones; schedules have the shapes that their names promise."""

from __future__ import annotations

import math
from typing import get_args, get_type_hints

import pytest
import torch
from torch import nn

from gyebo.training.config import OptimizerConfig, ScheduleConfig
from gyebo.training.optimizers import build_optimizer, rate_factor

MOMENTS = {"betas": (0.8, 0.9), "eps": 1e-6, "weight_decay": 0.1}
PLAIN = [
    ("adam", {}, torch.optim.Adam, MOMENTS),
    ("adam", {"amsgrad": True}, torch.optim.Adam, MOMENTS | {"amsgrad": True}),
    ("adamw", {}, torch.optim.AdamW, MOMENTS),
    ("adamw", {"amsgrad": True}, torch.optim.AdamW, MOMENTS | {"amsgrad": True}),
    ("adamax", {}, torch.optim.Adamax, MOMENTS),
    ("nadam", {}, torch.optim.NAdam, MOMENTS),
    ("sgd", {}, torch.optim.SGD, {"momentum": 0.7, "weight_decay": 0.1}),
    ("sgd", {"nesterov": True}, torch.optim.SGD, {"momentum": 0.7, "weight_decay": 0.1, "nesterov": True}),
    ("adagrad", {}, torch.optim.Adagrad, {"eps": 1e-6, "weight_decay": 0.1}),
    ("rmsprop", {}, torch.optim.RMSprop, {"alpha": 0.8, "eps": 1e-6, "weight_decay": 0.1}),
    ("adadelta", {}, torch.optim.Adadelta, {"rho": 0.8, "eps": 1e-6, "weight_decay": 0.1}),
]


@pytest.mark.parametrize(("name", "settings", "kind", "options"), PLAIN)
def test_equals_plain_torch(name, settings, kind, options):
    def run(optimizer_of):
        torch.manual_seed(0)
        model = nn.Linear(7, 5).double()
        optimizer = optimizer_of(model.parameters())
        for step in range(5):
            model(torch.full((3, 7), step + 1.0, dtype=torch.float64)).tanh().sum().backward()
            optimizer.step()
            optimizer.zero_grad()
        return dict(model.named_parameters())

    config = OptimizerConfig(
        name=name, rate=0.05, betas=(0.8, 0.9), momentum=0.7, rho=0.8, epsilon=1e-6, weight_decay=0.1, **settings
    )
    ours = run(lambda parameters: build_optimizer(parameters, config))
    torch.testing.assert_close(
        ours, run(lambda parameters: kind(parameters, lr=0.05, foreach=False, **options)), rtol=1e-10, atol=1e-12
    )


def test_every_name_is_compared_with_torch():
    assert {name for name, *_ in PLAIN} == set(get_args(get_type_hints(OptimizerConfig)["name"]))


def factors(last_step: int, **options: object) -> list[float]:
    return [rate_factor(ScheduleConfig(**options), step, last_step) for step in range(1, last_step + 1)]


def test_constant_and_warm_up():
    assert factors(5) == [1.0] * 5
    assert factors(5, warmup=4) == [0.25, 0.5, 0.75, 1.0, 1.0]


def test_linear():
    assert factors(5, name="linear") == pytest.approx([0.8, 0.6, 0.4, 0.2, 0.0])
    assert factors(5, name="linear", floor=0.5, warmup=1) == pytest.approx([1.0, 0.875, 0.75, 0.625, 0.5])


def test_cosine():
    found = factors(8, name="cosine", floor=0.2)
    assert found == pytest.approx([0.2 + 0.8 * (1 + math.cos(math.pi * step / 8)) / 2 for step in range(1, 9)])
    assert (found[3], found[-1]) == (pytest.approx(0.6), pytest.approx(0.2))


def test_inverse_square_root():
    found = factors(100, name="inverse-sqrt", warmup=25)
    assert (found[24], found[99]) == (1.0, 0.5)
    assert found.index(max(found)) == 24


def test_plateau():
    config = ScheduleConfig(name="plateau", factor=0.1, warmup=2)
    assert [rate_factor(config, 1, 0), rate_factor(config, 9, 0, 2)] == pytest.approx([0.5, 0.01])


@pytest.mark.parametrize("name", ["linear", "cosine"])
def test_after_the_last_step_the_rate_stays_at_the_floor(name):
    assert rate_factor(ScheduleConfig(name=name, floor=0.1), 50, 10) == pytest.approx(0.1)
