"""What a claim is: an edge of the tree with the experiment that tries it.

Each file `claims/<parent>_<child>.py` (or `<architecture>_<part>.py`, where the claim is about a part of one architecture) ends with

    CLAIM = Claim(name=..., parent=..., child=..., statement=..., ..., effects=(...), measure=measure, draw=draw)

Data flow: for each seed, `measure(seed, clock)` trains or computes and returns a `Measurement` of plain numbers -> the engine writes it
to a file of its own, so an interrupted claim goes on with the next seed -> each effect gets a mean and a 95 % confidence interval over
the seeds -> its rule, fixed in the file before anything was run, gives the verdict -> a table, a figure, a page.

The facts of a claim (all but the two functions) are literals, so that they are read without importing torch, as those of an
architecture are. A claim imports models, layers, data, tasks and training as it needs, and nothing imports it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from gyebo.views.figure import Figure

__all__ = ["Claim", "ClaimFacts", "Clock", "Effect", "Measurement", "Verdict"]

Verdict: TypeAlias = Literal["holds", "does not hold", "undecided"]


@dataclass(frozen=True, kw_only=True)
class Effect:
    """One number a seed that the claim stands or falls with, arranged so that larger speaks for the claim.

    It holds where the whole confidence interval lies at or above `at_least`, does not hold where the whole interval lies below it,
    and is undecided in between. A claim holds where all its effects hold, and does not hold where one does not.
    """

    name: str
    """its key in a measurement's effects, such as "bleu_gain" """
    meaning: str
    """what is compared with what, in a sentence, with its unit"""
    at_least: float
    why: str
    """why this threshold: what is the smallest effect that would matter, and what chance alone would give"""


@dataclass(frozen=True, kw_only=True)
class ClaimFacts:
    """What can be said of a claim before it is run: what a reader needs to predict its outcome."""

    name: str
    """parent-child, or architecture-part"""
    parent: str
    child: str
    """architectures; equal where the claim is about a part of one architecture"""
    statement: str
    """what the child is said to fix about the parent, in a sentence"""
    source: str
    """paper and place where it is claimed"""
    question: str
    """what the experiment asks, with data, sizes and budget, in two or three sentences"""
    outcomes: Mapping[str, str]
    """verdict -> what one would then see: one entry for each of the three"""
    effects: tuple[Effect, ...]
    seeds: tuple[int, ...] = (1, 2, 3)
    minutes: float
    """the budget for all seeds together on a 2-core CPU, at most 10"""
    threads: int = 1
    korean: str = ""
    """the statement in Korean, for the page of all claims"""


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What one seed gives: plain numbers and texts, which go to JSON as they are."""

    effects: Mapping[str, float]
    """a value for each effect of the claim"""
    table: list[dict[str, Any]]
    """everything that was measured, a row a condition (model, distance, length ...), for the figure and the page"""


class Clock(Protocol):
    """Called between batches, so that a claim can be interrupted and keeps to its budget."""

    def __call__(self) -> None:
        """Raises where a signal came, or the budget of the claim is used up."""
        ...

    def say(self, text: str) -> None:
        """Tell a reader what is being done now: a line of progress."""
        ...


@dataclass(frozen=True, kw_only=True)
class Claim(ClaimFacts):
    """The entry that ends a claim's file."""

    measure: Callable[[int, Clock], Measurement]
    """(seed, clock) -> what was measured: the same seed gives the same numbers, wall-clock times excepted"""
    draw: Callable[[list[dict[str, Any]]], Figure]
    """the rows of all seeds, each with its "seed" -> the figure"""
