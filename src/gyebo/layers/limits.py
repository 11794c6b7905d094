"""How many tokens a model can read and write, where its weights set a limit."""

from __future__ import annotations

from typing import NamedTuple

from torch import nn

from gyebo.layers.luong_attention import LocationScore
from gyebo.layers.positions import LearnedPositions

__all__ = ["Limit", "position_limit", "source_limit", "target_limit"]


class Limit(NamedTuple):
    """The most tokens of a text, and the option that gives a new training more."""

    tokens: int
    option: str


def position_limit(model: nn.Module) -> int | None:
    """The most tokens that a model can read or write, where it has learned positions; None where it has no limit.

    >>> from gyebo.layers.positions import SinusoidalPositions
    >>> position_limit(nn.ModuleList([LearnedPositions(4, 9), LearnedPositions(4, 7)])), position_limit(SinusoidalPositions())
    (7, None)
    """
    return min((part.max_positions for part in model.modules() if isinstance(part, LearnedPositions)), default=None)


def target_limit(model: nn.Module) -> Limit | None:
    """The most tokens that a model can write; None where it has no limit."""
    tokens = position_limit(model)
    return None if tokens is None else Limit(tokens, "--model.max-positions")


def source_limit(model: nn.Module) -> Limit | None:
    """The most tokens that a model can read: learned positions have an end, and the weights of a location score have.

    >>> source_limit(nn.ModuleList([LearnedPositions(4, 9), LocationScore(4, 7)]))
    Limit(tokens=7, option='--model.max-source')
    """
    scores = [Limit(part.max_source, "--model.max-source") for part in model.modules() if isinstance(part, LocationScore)]
    positions = target_limit(model)
    return min([*scores, *([] if positions is None else [positions])], default=None)
