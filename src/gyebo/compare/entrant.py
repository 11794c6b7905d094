"""Who takes part in a comparison, with what budget, and what became of each training."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any

from gyebo.compare.cost import Cost
from gyebo.recipes import Recipe, ResultConfig

__all__ = ["EVALUATIONS", "Budget", "Entrant", "Training", "recipe_of_training"]

EVALUATIONS = 10
"""of each training, spread evenly over its steps: points of its learning curve, and chances to keep its best weights"""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What every training may use: one of the two."""

    minutes: float = 0.0
    """of updates, on this machine when nothing else runs on it; evaluations are not counted"""
    flops: float = 0.0
    """floating-point operations of all updates"""

    def __post_init__(self) -> None:
        for name in ("minutes", "flops"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name}={getattr(self, name)} is no budget: a number above 0 was expected.")
        if bool(self.minutes) == bool(self.flops):
            raise ValueError("A budget is given in minutes or in FLOPs: give exactly one of the two.")

    def steps(self, cost: Cost) -> int:
        """How many steps it pays for, at least one.  Raises ValueError where FLOPs cannot be counted.

        >>> cost = Cost(seconds_per_step=0.5, flops_per_step=1e9, parameters=10, higher_is_better=True)
        >>> Budget(minutes=2).steps(cost), Budget(flops=5e9).steps(cost)
        (240, 5)
        """
        if self.minutes:
            return max(1, round(60 * self.minutes / cost.seconds_per_step))
        if not cost.flops_per_step:
            raise ValueError("no matrix product was counted in one step; give the budget in minutes.")
        return max(1, round(self.flops / cost.flops_per_step))


@dataclass(frozen=True, kw_only=True)
class Entrant:
    """A recipe that takes part, under its own name."""

    name: str
    recipe: Recipe


@dataclass(frozen=True, kw_only=True)
class Training:
    """What one training came to."""

    entrant: str
    seed: int
    steps: int
    metrics: dict[str, float]
    """of the best weights, on the test split"""
    validation: dict[str, float]
    """of the best weights, on the validation split"""
    curve: list[dict[str, Any]]
    """step and metrics of each evaluation"""
    epochs: float
    best_step: int
    memory_gib: float
    sizes: dict[str, int]
    """examples in each split"""
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """of the test split"""


def recipe_of_training(entrant: Entrant, seed: int, steps: int, first: int | None = None) -> Recipe:
    """The recipe of one training: so many steps, evaluated ten times, never ended early, warmed up for a tenth of its steps at most.

    first: the steps that it was to have at first, where it goes on further; evaluations and warm-up stay those of then.
    """
    recipe, planned = entrant.recipe, first or steps
    return dataclasses.replace(
        recipe,
        name=f"{entrant.name}-{seed}",
        seed=seed,
        steps=steps,
        epochs=0,
        minutes=0.0,
        checkpoint_every=0,
        schedule=dataclasses.replace(recipe.schedule, warmup=min(recipe.schedule.warmup, planned // 10)),
        evaluation=dataclasses.replace(recipe.evaluation, every=math.ceil(planned / EVALUATIONS), patience=0, target=None),
        result=ResultConfig(),
    )
