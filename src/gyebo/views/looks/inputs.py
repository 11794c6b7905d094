"""The texts that a view looks at: those that were given, or the run's own samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from gyebo.errors import UsageError
from gyebo.runs import Run

__all__ = ["first_input", "first_that_fits", "samples"]

Found = TypeVar("Found")


def samples(run: Run) -> list[str]:
    """The inputs of the samples in results.json.

    Raises UsageError where there are none: training has not ended yet, or its test split had nothing to show.
    """
    if not run.folder.results.is_file():
        raise UsageError(f"The run {run.name!r} has no samples yet, because its training has not ended. Give an input to look at.")
    found = run.folder.read(run.folder.results)["samples"]
    if not found:
        raise UsageError(f"The run {run.name!r} has no samples of its test split. Give an input to look at.")
    return [sample["input"] for sample in found]


def first_input(run: Run, inputs: Sequence[str]) -> str:
    """The one input that a view of a single text shows: the first one given, or the run's first sample."""
    return (list(inputs) or samples(run))[0]


def first_that_fits(run: Run, inputs: Sequence[str], look: Callable[[str], Found]) -> Found:
    """What `look` finds in the first input given; or else in the first of the run's samples that is short enough for it.

    Raises what `look` raises for the input given, or for the last of the samples.
    """
    if inputs:
        return look(inputs[0])
    *others, last = samples(run)
    for text in others:
        try:
            return look(text)
        except UsageError:
            continue
    return look(last)
