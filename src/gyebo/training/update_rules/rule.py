"""An update rule with its settings: what a page, a claim or a view needs to try one beside the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from torch import Tensor

__all__ = ["Rule"]

State = TypeVar("State")
Settings = TypeVar("Settings")


@dataclass(frozen=True, kw_only=True)
class Rule(Generic[State, Settings]):
    """title: the name as its paper writes it.  source: paper and place.  start: the state before the first step.

    settings: torch's defaults in `RULES`; `dataclasses.replace` gives the rule with others.
    """

    title: str
    source: str
    update: Callable[[Tensor, Tensor, State, Settings], tuple[Tensor, State]]
    start: Callable[[Tensor], State]
    settings: Settings

    def step(self, parameters: Tensor, gradient: Tensor, state: State) -> tuple[Tensor, State]:
        """The rule applied once, at these settings.  Raises ValueError where shapes differ."""
        return self.update(parameters, gradient, state, self.settings)
