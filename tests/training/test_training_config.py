"""Training settings that cannot work are refused before anything is computed."""

from __future__ import annotations

import pytest
from problems import config

from gyebo.errors import UsageError


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps, epochs and minutes are all 0: training would never end. Give one of them a limit."),
        ({"epochs": -1}, "steps, epochs and minutes cannot be negative; 0 sets no limit."),
        (
            {"steps": 0, "minutes": 1.0, "schedule": {"name": "cosine"}},
            "the schedule 'cosine' falls towards the last step: give steps or epochs, not only minutes.",
        ),
        ({"log_every": 0}, "log_every=0 must be at least 1."),
        ({"checkpoint_every": -1}, "checkpoint_every=-1 and threads=0 cannot be negative."),
        ({"threads": -1}, "checkpoint_every=0 and threads=-1 cannot be negative."),
        ({"seed": -1}, "seed=-1 must lie between 0 and 2^63."),
        ({"seed": 2**63}, "must lie between 0 and 2^63."),
        ({"batch": {"tokens": 0}}, "batch.tokens=0 and batch.accumulate=1 must both be at least 1."),
        ({"optimizer": {"rate": 0.0}}, "optimizer.rate=0.0 moves nothing; try 0.001."),
        ({"optimizer": {"rate": float("nan")}}, "'optimizer.rate' is nan, but a finite number was expected."),
        ({"optimizer": {"clip": -1.0}}, "optimizer.clip=-1.0 is negative; 0 turns clipping off, 1 is usual."),
        ({"optimizer": {"betas": [0.9, 1.0]}}, "optimizer.betas=(0.9, 1.0) and optimizer.rho=0.95 are shares"),
        ({"optimizer": {"rho": 2.0}}, "optimizer.rho=2.0 are shares"),
        ({"optimizer": {"momentum": -0.1}}, "optimizer.momentum, optimizer.epsilon and optimizer.weight_decay cannot be negative."),
        (
            {"optimizer": {"name": "sgd", "amsgrad": True}},
            "optimizer.amsgrad is a kind of adam and adamw, but optimizer.name is 'sgd'.",
        ),
        (
            {"optimizer": {"momentum": 0.9, "nesterov": True}},
            "optimizer.nesterov is a kind of sgd with momentum, but optimizer.name is",
        ),
        ({"optimizer": {"name": "sgd", "nesterov": True}}, "'sgd' and optimizer.momentum=0. Give sgd a momentum such as 0.9"),
        ({"optimizer": {"name": "adm"}}, "'optimizer.name' is 'adm'. Did you mean 'adam'?"),
        ({"schedule": {"warmup": -1}}, "schedule.warmup=-1 is negative; 0 begins with the full rate."),
        ({"schedule": {"floor": 2.0}}, "schedule.floor=2 and schedule.factor=0.5 are shares of the rate: from 0 to 1."),
        ({"schedule": {"factor": 0.0}}, "schedule.factor=0 are shares of the rate"),
        ({"evaluation": {"every": -1}}, "evaluation.every=-1 and evaluation.patience=0 cannot be negative."),
        ({"evaluation": {"patience": -1}}, "evaluation.every=0 and evaluation.patience=-1 cannot be negative."),
    ],
)
def test_messages(options, message):
    with pytest.raises(UsageError) as caught:
        config(**options)
    assert message in str(caught.value)
