"""A clock that counts, and the check of every experiment of a claim that goes by it."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import replace

from gyebo.claims import interface
from gyebo.claims.catalogue import claim
from gyebo.claims.interface import Measurement

__all__ = ["Clock", "SilentClock", "measured_twice"]


class Clock:
    def __init__(self) -> None:
        self.calls = 0
        self.said: list[str] = []

    def __call__(self) -> None:
        self.calls += 1

    def say(self, text: str) -> None:
        self.said.append(text)


class SilentClock(Clock):
    def say(self, text: str) -> None:
        raise AssertionError("the loop has nothing to say")


def measured_twice(
    name: str, measure: Callable[[int, interface.Clock], Measurement], times: Collection[str] = ()
) -> tuple[Measurement, Clock]:
    """Check that an experiment gives all its effects, repeats itself (but for `times`), asks its clock and is drawn.

    Returns what it gave the first time and the clock of that time, for what else is to hold.
    """
    clock = Clock()
    first, second = measure(5, clock), measure(5, Clock())
    entry = claim(name)
    assert set(first.effects) == {effect.name for effect in entry.effects}
    assert all(math.isfinite(value) for value in first.effects.values())
    assert without(times, first) == without(times, second)
    assert clock.calls
    rows = [{"seed": seed, **row} for seed in (5, 6) for row in first.table]
    figure = entry.draw(rows)
    assert figure.name == name
    assert figure.data == {"rows": rows}
    assert figure.to_png(scale=0.5)[1:4] == b"PNG"
    return first, clock


def without(times: Collection[str], measured: Measurement) -> Measurement:
    effects, *table = ({key: row[key] for key in row.keys() - times} for row in (measured.effects, *measured.table))
    return replace(measured, effects=effects, table=table)
