"""The update rules of gradient descent as equations: (parameters, gradient, state, settings) -> (parameters, state).

`velocity` remembers directions, `squares` sizes, `moments` both.  Every rule has torch's form and equals `torch.optim` step by
step; each docstring says where its paper differs.  Training itself takes torch's fused kernels (`gyebo.training.optimizers`).
`RULES` holds all of them, oldest first, so that one loop can try them all:

>>> import torch
>>> one = torch.ones(1)
>>> first_steps = {rule.title: one - rule.step(one, one, rule.start(one))[0] for rule in RULES.values()}
>>> {title: round(size.item(), 4) for title, size in first_steps.items() if title in ("Nesterov", "Adagrad", "Adam")}
{'Nesterov': 0.0019, 'Adagrad': 0.01, 'Adam': 0.001}
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from gyebo.training.update_rules.moments import (
    AdaMaxState,
    AdamSettings,
    AdamState,
    AMSGradState,
    NadamSettings,
    NadamState,
    adam,
    adamax,
    adamw,
    amsgrad,
    nadam,
)
from gyebo.training.update_rules.rule import Rule
from gyebo.training.update_rules.squares import (
    AdadeltaSettings,
    AdadeltaState,
    AdagradSettings,
    AdagradState,
    RMSpropSettings,
    RMSpropState,
    adadelta,
    adagrad,
    rmsprop,
)
from gyebo.training.update_rules.velocity import (
    GradientDescentSettings,
    MomentumSettings,
    NesterovSettings,
    Velocity,
    gradient_descent,
    momentum,
    nesterov,
)

__all__ = [
    "RULES",
    "AMSGradState",
    "AdaMaxState",
    "AdadeltaSettings",
    "AdadeltaState",
    "AdagradSettings",
    "AdagradState",
    "AdamSettings",
    "AdamState",
    "GradientDescentSettings",
    "MomentumSettings",
    "NadamSettings",
    "NadamState",
    "NesterovSettings",
    "RMSpropSettings",
    "RMSpropState",
    "Rule",
    "Velocity",
    "adadelta",
    "adagrad",
    "adam",
    "adamax",
    "adamw",
    "amsgrad",
    "gradient_descent",
    "momentum",
    "nadam",
    "nesterov",
    "rmsprop",
]

RULES: Mapping[str, Rule[Any, Any]] = MappingProxyType(
    {
        "gradient-descent": Rule(
            title="gradient descent",
            source="Robbins and Monro 1951",
            update=gradient_descent,
            start=lambda parameters: None,
            settings=GradientDescentSettings(),
        ),
        "momentum": Rule(
            title="momentum",
            source="Polyak 1964; Qian 1999",
            update=momentum,
            start=lambda parameters: Velocity(),
            settings=MomentumSettings(),
        ),
        "nesterov": Rule(
            title="Nesterov",
            source="Nesterov 1983",
            update=nesterov,
            start=lambda parameters: Velocity(),
            settings=NesterovSettings(),
        ),
        "adagrad": Rule(
            title="Adagrad",
            source="Duchi, Hazan and Singer 2011",
            update=adagrad,
            start=AdagradState.start,
            settings=AdagradSettings(),
        ),
        "rmsprop": Rule(
            title="RMSprop",
            source="Hinton 2012, lecture 6e",
            update=rmsprop,
            start=RMSpropState.start,
            settings=RMSpropSettings(),
        ),
        "adadelta": Rule(
            title="Adadelta",
            source="Zeiler 2012, arXiv 1212.5701, algorithm 1",
            update=adadelta,
            start=AdadeltaState.start,
            settings=AdadeltaSettings(),
        ),
        "adam": Rule(
            title="Adam",
            source="Kingma and Ba 2014, arXiv 1412.6980, algorithm 1",
            update=adam,
            start=AdamState.start,
            settings=AdamSettings(),
        ),
        "adamax": Rule(
            title="AdaMax",
            source="Kingma and Ba 2014, arXiv 1412.6980, algorithm 2",
            update=adamax,
            start=AdaMaxState.start,
            settings=AdamSettings(rate=2e-3),
        ),
        "nadam": Rule(title="Nadam", source="Dozat 2016", update=nadam, start=NadamState.start, settings=NadamSettings()),
        "adamw": Rule(
            title="AdamW",
            source="Loshchilov and Hutter 2017, arXiv 1711.05101, algorithm 2",
            update=adamw,
            start=AdamState.start,
            settings=AdamSettings(weight_decay=1e-2),
        ),
        "amsgrad": Rule(
            title="AMSGrad",
            source="Reddi, Kale and Kumar 2018, algorithm 2",
            update=amsgrad,
            start=AMSGradState.start,
            settings=AdamSettings(),
        ),
    }
)
"""by name, oldest first, with torch's default settings"""
