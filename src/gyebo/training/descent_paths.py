"""The path that each update rule takes down a surface."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from gyebo.training.surfaces import Surface
from gyebo.training.update_rules import RULES, Rule

__all__ = ["at_rates", "path", "paths", "steps_until"]


def path(rule: Rule[Any, Any], surface: Surface, num_steps: int) -> Tensor:
    """The start and the parameters after each step, in double precision: (num_steps + 1, 2).

    A rule that diverges goes on until its numbers are infinite, and then not finite at all.
    Raises ValueError for a negative number of steps.

    >>> from gyebo.training.surfaces import SURFACES
    >>> path(RULES["adagrad"], SURFACES["bowl"], 2)[:, 1]
    tensor([2.0000, 1.9900, 1.9829], dtype=torch.float64)
    """
    if num_steps < 0:
        raise ValueError(f"num_steps={num_steps} came, but a path has 0 steps or more.")
    parameters = torch.tensor(surface.start, dtype=torch.float64)
    state = rule.start(parameters)
    points = [parameters]
    for _ in range(num_steps):
        parameters, state = rule.step(parameters, _gradient(surface, parameters), state)
        points.append(parameters)
    return torch.stack(points)


def _gradient(surface: Surface, parameters: Tensor) -> Tensor:
    parameters = parameters.detach().requires_grad_()
    [gradient] = torch.autograd.grad(surface(parameters), parameters)
    return gradient


def paths(rules: Mapping[str, Rule[Any, Any]], surface: Surface, num_steps: int) -> dict[str, Tensor]:
    """The path of every rule, by the rule's name: (num_steps + 1, 2) each."""
    return {name: path(rule, surface, num_steps) for name, rule in rules.items()}


def at_rates(rates: Mapping[str, float]) -> dict[str, Rule[Any, Any]]:
    """The rules of `RULES` that are named, each at its rate and otherwise as torch has it.

    Raises ValueError for an unknown rule.

    >>> at_rates({"adam": 0.3})["adam"].settings.rate
    0.3
    """
    for name in rates:
        if name not in RULES:
            raise ValueError(f"There is no update rule {name!r}. Known are: {', '.join(RULES)}.")
    return {name: replace(RULES[name], settings=replace(RULES[name].settings, rate=rate)) for name, rate in rates.items()}


def steps_until(reached: Callable[[Tensor], Tensor], points: Tensor) -> int | None:
    """The first step after which a point (2,) has reached something; None where none does.  points (T + 1, 2).

    >>> from gyebo.training.surfaces import SURFACES
    >>> bowl = SURFACES["bowl"]
    >>> steps_until(lambda points: bowl(points) < 1e-3, path(at_rates({"adagrad": 1.5})["adagrad"], bowl, 50))
    29
    """
    hits = reached(points).nonzero()
    return int(hits[0]) if len(hits) else None
