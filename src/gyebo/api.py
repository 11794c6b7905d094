"""What Python code may ask of gyebo; the command line does the same by `gyebo VERB`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gyebo import genealogy
from gyebo.config import from_mapping
from gyebo.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from torch import nn

    from gyebo.claims.engine import ClaimResult
    from gyebo.recipes import Recipe
    from gyebo.runs import Run
    from gyebo.training.loop import Listener
    from gyebo.verification import Record
    from gyebo.views.figure import Figure

__all__ = ["architectures", "claim", "create", "load", "look", "train", "verify"]


def architectures() -> tuple[str, ...]:
    """The names of all architectures, oldest first.

    >>> import gyebo
    >>> "bahdanau" in gyebo.architectures()
    True
    """
    return genealogy.architecture_names()


def create(name: str, config: Mapping[str, Any], size: str | None = None) -> nn.Module:
    """A new model: an architecture with a config, begun from one of the paper's sizes where `size` names one.

    config: fields of the architecture's config; they go before those of the size.
    Raises UsageError for an unknown architecture, size or field, a missing field, and a value of another type.

    >>> import gyebo
    >>> model = gyebo.create("bahdanau", {"source_vocabulary": 100, "target_vocabulary": 90, "width": 8})
    >>> model.output.out_features
    90
    """
    entry = genealogy.architecture(name)
    if size is not None and size not in entry.sizes:
        raise UsageError(f"The architecture {name!r} has no size {size!r}. {did_you_mean(size, entry.sizes)}")
    begun = entry.sizes[size].config if size is not None else {}
    return entry.model(from_mapping(entry.config, {**begun, **config}, f"the config of {name}"))


def train(
    recipe: str | Recipe,
    *,
    name: str | None = None,
    runs_dir: str | os.PathLike[str] = "runs",
    data_dir: str | os.PathLike[str] | None = None,
    listeners: Sequence[Listener] = (),
) -> Run:
    """Train a recipe, given by name, path of a .toml file, or value; the same call again resumes it.

    name: the run's folder in runs_dir; the recipe's name where it is left out.
    listeners: called with every record of metrics.jsonl, and with progress now and then.
    Raises UsageError for a name that is not that of one folder, and what `gyebo.pipeline.train` raises.

    >>> import gyebo
    >>> run = gyebo.train("dates")  # doctest: +SKIP
    >>> run.predict(["le 3 mars 2009"])[0].output  # doctest: +SKIP
    '2009-03-03'
    """
    from gyebo import pipeline
    from gyebo.recipes import read_recipe
    from gyebo.runs.folder import folder_name

    chosen = read_recipe(recipe) if isinstance(recipe, str) else recipe
    folder = Path(runs_dir) / folder_name(name or chosen.name)
    return pipeline.train(chosen, folder, data_dir=None if data_dir is None else Path(data_dir), listeners=tuple(listeners))


def claim(
    name: str,
    *,
    seeds: Sequence[int] | None = None,
    minutes: float | None = None,
    claims_dir: str | os.PathLike[str] = "claims",
) -> ClaimResult:
    """Try a claim of the family tree by experiment; the same call again goes on with the seeds that are not measured yet.

    seeds and minutes: other ones than the claim's own; fewer than three seeds give no verdict.
    Raises UsageError for an unknown claim, and what `gyebo.claims.engine.run_claim` raises.

    >>> import gyebo
    >>> gyebo.claim("rnn-lstm").verdict  # doctest: +SKIP
    'holds'
    """
    from gyebo.claims import catalogue
    from gyebo.claims.engine import run_claim

    return run_claim(catalogue.claim(name), Path(claims_dir) / name, seeds=seeds, minutes=minutes)


def load(path: str | os.PathLike[str]) -> Run:
    """A run folder, or the export of one.  Raises UsageError where there is none, GyeboError where it is damaged.

    >>> import gyebo
    >>> gyebo.load("runs/dates").predict(["le 3 mars 2009"])[0].output  # doctest: +SKIP
    '2009-03-03'
    """
    from gyebo.interop import open_run

    return open_run(os.fspath(path))


def look(run: Run, view: str, inputs: Sequence[str] = ()) -> Figure:
    """A figure of what happens inside a run: `figure.save(Path("alignment.html"))` writes it.

    For the tensors themselves, of a run's model or your own: `gyebo.views.record`.
    Raises UsageError for a view that the run does not have.

    >>> import gyebo
    >>> figure = gyebo.look(gyebo.load("runs/dates"), "alignment", ["le 3 mars 2009"])  # doctest: +SKIP
    """
    from gyebo.views.look import look as draw

    return draw(run, view, inputs)


def verify(names: Sequence[str] | None = None, listener: Callable[[Record], None] | None = None) -> list[Record]:
    """Check architectures (all where none is named) against papers, references and the common contract.

    listener: called with every record as soon as it is known.
    Raises UsageError for an unknown architecture.

    >>> import gyebo
    >>> [record.name for record in gyebo.verify(["bahdanau"]) if record.outcome == "failed"]  # doctest: +SKIP
    []
    """
    from gyebo.verification import verify as check

    return check(names, listener)
