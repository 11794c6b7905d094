"""The longest text that a model can read or write is that of its part with the least room."""

from __future__ import annotations

import torch

from gyebo.layers.limits import Limit, position_limit, source_limit, target_limit
from gyebo.layers.luong_attention import LocationScore
from gyebo.layers.positions import LearnedPositions

POSITIONS = "--model.max-positions"


def model(*parts: torch.nn.Module) -> torch.nn.Module:
    return torch.nn.ModuleDict({"source": torch.nn.Linear(2, 2), "inner": torch.nn.Sequential(*parts)})


def test_no_limit():
    assert position_limit(model()) is source_limit(model()) is target_limit(model()) is None


def test_positions_limit_both_sides():
    both = model(LearnedPositions(2, 7), LearnedPositions(2, 5))
    assert position_limit(both) == 5
    assert source_limit(both) == target_limit(both) == Limit(5, POSITIONS)


def test_a_location_score_limits_the_source():
    location = LocationScore(2, 6)
    assert target_limit(model(location)) is None
    assert source_limit(model(location)) == Limit(6, "--model.max-source")
    assert source_limit(model(location, LearnedPositions(2, 4))) == Limit(4, POSITIONS)
    assert source_limit(model(location, LearnedPositions(2, 9))) == Limit(6, "--model.max-source")
