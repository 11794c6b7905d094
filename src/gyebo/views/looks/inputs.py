"""The texts that a view looks at: those that were given, or the run's own samples."""

from __future__ import annotations

from collections.abc import Sequence

from gyebo.errors import UsageError
from gyebo.runs import Run

__all__ = ["first_input", "samples"]


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
