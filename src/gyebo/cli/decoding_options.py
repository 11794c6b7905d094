"""Options that change how a run searches for its outputs, or draws them; the run's folder stays as it is."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from gyebo.cli.parsing import Flag, shown
from gyebo.errors import UsageError

if TYPE_CHECKING:
    from gyebo.runs import Run

__all__ = ["DecodingOptions", "decode_with"]


@dataclass(frozen=True, kw_only=True)
class DecodingOptions:
    """What is left out is as in the recipe."""

    beam: Annotated[int | None, shown("N")] = None
    """hypotheses kept by the search; 1 is greedy search (default: as in the recipe, and so below)"""
    patience: Annotated[float | None, shown("P")] = None
    """end a search with beam * P finished hypotheses, 1 being usual; otherwise it goes on until no open one can win"""
    length_normalization: Annotated[Literal["power", "gnmt"] | None, shown("{power,gnmt}")] = None
    """what sums of log p are divided by: T^alpha, or ((5 + T) / 6)^alpha"""
    length_penalty: Annotated[float | None, shown("ALPHA")] = None
    """alpha of the length normalisation; 0 compares sums of log p"""
    coverage_penalty: Annotated[float | None, shown("BETA")] = None
    """weight of the penalty for parts of the source that were hardly attended to"""
    forbid_unknown: Flag = False
    """never write <unk>"""
    sample: Annotated[int | None, shown("N")] = None
    """draw so many outputs at random instead of searching"""
    temperature: Annotated[float | None, shown("T")] = None
    """of sampling: below 1 likely tokens become more likely"""
    top_k: Annotated[int | None, shown("K")] = None
    """of sampling: draw from the K most likely tokens; 0 from all"""
    top_p: Annotated[float | None, shown("P")] = None
    """of sampling: draw from the fewest tokens that have probability P together"""
    seed: Annotated[int | None, shown("N")] = None
    """of sampling: the same seed draws the same outputs"""


SAMPLING = {"sample": "samples", "temperature": "temperature", "top_k": "top_k", "top_p": "top_p", "seed": "seed"}
SEARCH = ("beam", "n_best", "patience", "length_normalization", "length_penalty", "coverage_penalty")


def decode_with(run: Run, options: DecodingOptions) -> None:
    """Set what the options give in the run's task, which is in memory.

    Raises UsageError for values that no search can have, for options of sampling where nothing is sampled, and for any of them where
    the task writes no text.
    """
    config = run.task.config
    decoding = getattr(config, "decoding", None)
    if decoding is None:
        _refuse_all(run, options)
        return
    given = {name: value for name, value in vars(options).items() if value is not None}
    search = {name: given[name] for name in SEARCH if name in given}
    if options.forbid_unknown:
        search["forbid_unknown"] = True
    sampling = {field: given[name] for name, field in SAMPLING.items() if name in given}
    if sampling and not sampling.get("samples", decoding.sampling.samples):
        name = next(name for name in SAMPLING if name in given)
        raise UsageError(f"--{name.replace('_', '-')} is an option of sampling, and nothing is sampled. Give --sample N too.")
    try:
        sampled = dataclasses.replace(decoding.sampling, **sampling)
        changed = dataclasses.replace(decoding, **search, sampling=sampled)
        run.task.config = dataclasses.replace(config, decoding=changed)
    except ValueError as error:
        name, _, rest = str(error).partition("=")
        option = next((option for option, field in SAMPLING.items() if field == name), name)
        raise UsageError(f"--{option.replace('_', '-')}={rest}") from error


def _refuse_all(run: Run, options: DecodingOptions) -> None:
    for name in (*SEARCH, *SAMPLING, "forbid_unknown"):
        if getattr(options, name, None) not in (None, False):
            raise UsageError(
                f"--{name.replace('_', '-')} changes how a text is written, and {run.name!r} is a run of the task {run.task_name}, which"
                " writes none. Leave it out."
            )
