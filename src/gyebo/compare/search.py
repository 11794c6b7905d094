"""Hyper-parameter search: random values of one recipe's fields, and successive halving of the trials.

    space ──> trials, drawn at random (log-uniform ranges, or choices)
    rungs: all trials at a part of the budget ──> the best third goes on from where it stood ──> ... ──> one at the whole budget

Bergstra and Bengio 2012 say why random and not a grid: where few of the fields matter, each trial tries another value of those.
Jamieson and Talwalkar 2016 (1502.07943) halve; eta 3 is that of Li et al. 2018 (Hyperband, 1603.06560). What goes on is chosen by the
validation split alone; the test split is measured and told, and decides nothing.
"""

from __future__ import annotations

import dataclasses
import json
import math
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from gyebo.compare.contest import Listener, comparison_folder, cost_of, describe, train_one
from gyebo.compare.cost import Cost
from gyebo.compare.entrant import Budget, Entrant, Training
from gyebo.config import to_mapping, without_none
from gyebo.errors import GyeboError, UsageError
from gyebo.recipes import Recipe, recipe_from_mapping
from gyebo.storage import write_json
from gyebo.training.signals import stop_signals

__all__ = ["ETA", "Choice", "LogUniform", "Search", "Space", "Trial", "draw", "read_space", "rungs", "search", "with_values"]

ETA = 3
"""a rung keeps the best of so many trials, and gives it so many times the steps"""


@dataclass(frozen=True)
class LogUniform:
    """A range over which the logarithm is drawn uniformly: every power of ten is as likely as the next."""

    low: float
    high: float
    whole: bool
    """whole numbers"""

    def draw(self, generator: random.Random) -> float | int:
        value = math.exp(generator.uniform(math.log(self.low), math.log(self.high)))
        return min(max(round(value), round(self.low)), round(self.high)) if self.whole else float(f"{value:.4g}")


@dataclass(frozen=True)
class Choice:
    """One of these values, each as likely as the others."""

    values: tuple[Any, ...]

    def draw(self, generator: random.Random) -> Any:
        return generator.choice(self.values)


Space: TypeAlias = Mapping[str, LogUniform | Choice]
"""field of the recipe by its path -> the values to try"""

_RANGE = re.compile(r"(?P<low>[^.,]+(?:\.\d[^.,]*)?)\.\.(?P<high>.+)")


def read_space(words: Sequence[str]) -> Space:
    """The space that `PATH=LOW..HIGH` and `PATH=A,B,C` name.  Raises UsageError, saying what a word should look like.

    >>> read_space(["optimizer.rate=1e-4..0.1", "model.width=16..256", "optimizer.name=adam,sgd"])["optimizer.name"]
    Choice(values=('adam', 'sgd'))
    """
    space: dict[str, LogUniform | Choice] = {}
    for word in words:
        path, equals, written = word.partition("=")
        path = path.removeprefix("--").replace("-", "_")
        if not (path and equals and written):
            raise UsageError(
                f"--vary was given {word!r}, but PATH=LOW..HIGH or PATH=A,B,C was expected, such as optimizer.rate=1e-4..1e-1."
            )
        if path in space:
            raise UsageError(f"--vary was given {path} twice. Put its values into one.")
        space[path] = _range(word, match) if (match := _RANGE.fullmatch(written)) else _choice(written)
    return space


def _range(word: str, match: re.Match[str]) -> LogUniform:
    try:
        low, high = float(match["low"]), float(match["high"])
    except ValueError as error:
        raise UsageError(f"--vary was given {word!r}, whose ends are no numbers. Write it as optimizer.rate=1e-4..1e-1.") from error
    if not 0 < low < high < math.inf:
        raise UsageError(
            f"--vary was given {word!r}: a logarithmic range needs 0 < LOW < HIGH. Values of another kind: PATH=A,B,C."
        )
    whole = all(re.fullmatch(r"\d+", match[end]) for end in ("low", "high"))
    return LogUniform(low, high, whole)


def _choice(written: str) -> Choice:
    return Choice(tuple(_value(item) for item in written.split(",")))


def _value(text: str) -> Any:
    """A value as TOML would read it, or the text itself."""
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def draw(space: Space, trials: int, seed: int) -> list[dict[str, Any]]:
    """The values of each trial: a pure function of the arguments; a trial more does not change those before it.

    >>> draw({"model.width": Choice((8, 16))}, 3, seed=1) == draw({"model.width": Choice((8, 16))}, 5, seed=1)[:3]
    True
    """
    drawn = []
    for number in range(trials):
        generator = random.Random(f"{seed}-{number}")
        drawn.append({path: values.draw(generator) for path, values in sorted(space.items())})
    return drawn


def with_values(recipe: Recipe, values: Mapping[str, Any], name: str) -> Recipe:
    """The recipe with these fields changed.  Raises UsageError for a field that it does not have, or a value it cannot take."""
    mapping = without_none(to_mapping(recipe))
    for path, value in values.items():
        table = mapping
        *tables, last = path.split(".")
        for part in tables:
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                raise UsageError(
                    f"--vary was given {path}, but {part} is no table of the recipe. `gyebo train --help` lists its fields."
                )
        table[last] = value
    return recipe_from_mapping(mapping | {"name": name}, f"the trial {name}")


def rungs(trials: int, *, halving: bool) -> list[tuple[int, float]]:
    """(how many trials, at what share of the budget) of each rung; without halving all trials get the whole.

    >>> rungs(9, halving=True)
    [(9, 0.1111111111111111), (3, 0.3333333333333333), (1, 1.0)]
    >>> rungs(4, halving=False)
    [(4, 1.0)]
    """
    if not halving:
        return [(trials, 1.0)]
    levels = 0
    while ETA ** (levels + 1) <= trials:
        levels += 1
    return [(max(1, trials // ETA**level), 1 / ETA ** (levels - level)) for level in range(levels + 1)]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One setting, and how far it came."""

    name: str
    values: dict[str, Any]
    steps: int
    validation: float
    """of the best weights; what chooses"""
    test: float
    """of the best weights; decides nothing"""


@dataclass(frozen=True, kw_only=True)
class Search:
    """All trials, the best one first: those that came further before those that were left behind."""

    metric: str
    higher_is_better: bool
    trials: tuple[Trial, ...]
    folder: Path


def search(
    recipe: Recipe,
    space: Space,
    budget: Budget,
    folder: Path,
    *,
    trials: int,
    halving: bool,
    metric: str,
    data_dir: Path | None = None,
    listener: Listener | None = None,
) -> Search:
    """Try settings of one recipe; budget: of a trial that goes to the end.  The same call resumes.

    Raises UsageError for a field or value that the recipe cannot have, a metric that validation does not measure, and a schedule that
    falls towards the last step where trials are halved; Stopped after a signal; and what a training raises.
    """
    if halving and recipe.schedule.name in ("linear", "cosine"):
        raise UsageError(
            f"The schedule {recipe.schedule.name!r} falls towards the last step, but halving trains the best trials further than"
            " they first knew. Take --schedule.name constant or inverse-sqrt for the search, or leave --halving out."
        )
    told = listener or Listener()
    values = draw(space, trials, recipe.seed)
    entrants = [
        Entrant(name=f"trial-{n:03}", recipe=with_values(recipe, each, f"trial-{n:03}")) for n, each in enumerate(values, 1)
    ]
    described = describe(entrants, budget, (recipe.seed,), metric) | {"halving": halving}
    with comparison_folder(folder, described), stop_signals() as stop:
        costs: dict[str, Cost] = {}
        alike: dict[str, Cost] = {}
        for entrant in entrants:
            told.show(0.0, f"measuring what a step of {entrant.name} costs")
            key = _what_costs(entrant.recipe)
            costs[entrant.name] = alike[key] = alike.get(key) or cost_of(entrant, folder, data_dir, stop)
        higher = costs[entrants[0].name].higher_is_better
        done: dict[str, Trial] = {}
        remaining, ladder = entrants, rungs(trials, halving=halving)
        for number, (count, share) in enumerate(ladder):
            remaining = _best(remaining, done, higher)[:count]
            for place, entrant in enumerate(remaining):
                whole = budget.steps(costs[entrant.name])
                steps, first = (max(1, round(part * whole)) for part in (share, ladder[0][1]))
                words = f"rung {number + 1} of {len(ladder)}, {entrant.name}"

                def look(part: float, place: int = place, words: str = words, number: int = number, count: int = count) -> None:
                    told.show((number + (place + part) / count) / len(ladder), words)

                look(0.0)
                training = train_one(entrant, recipe.seed, steps, folder, data_dir, stop, look, first)
                done[entrant.name] = trial = _trial(entrant.name, values[entrants.index(entrant)], training, metric)
                told.say(f"{words}, {steps:,} steps: validation {metric} {trial.validation:.4g} with {_told(trial.values)}")
        ordered = sorted(done.values(), key=lambda trial: (-trial.steps, _key(trial, higher)))
        result = Search(metric=metric, higher_is_better=higher, trials=tuple(ordered), folder=folder)
        write_json(folder / "result.json", plain(result))
    return result


def _what_costs(recipe: Recipe) -> str:
    """All of a recipe that decides what its step costs; update rules and schedules differ by little."""
    free = ("name", "title", "seed", "optimizer", "schedule", "evaluation", "result")
    return json.dumps({key: value for key, value in to_mapping(recipe).items() if key not in free}, sort_keys=True)


def _best(entrants: Sequence[Entrant], done: Mapping[str, Trial], higher: bool) -> list[Entrant]:
    if not done:
        return list(entrants)
    return sorted(entrants, key=lambda entrant: _key(done[entrant.name], higher))


def _key(trial: Trial, higher: bool) -> float:
    if math.isnan(trial.validation):
        return math.inf
    return -trial.validation if higher else trial.validation


def _trial(name: str, values: dict[str, Any], training: Training, metric: str) -> Trial:
    if metric not in training.validation:
        raise GyeboError(
            f"Validation has no metric {metric!r}; there are {', '.join(training.validation)}. Give one with --metric."
        )
    return Trial(
        name=name, values=values, steps=training.steps, validation=training.validation[metric], test=training.metrics[metric]
    )


def _told(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{path} {value:.4g}" if isinstance(value, float) else f"{path} {value}" for path, value in values.items())


def plain(result: Search) -> dict[str, Any]:
    """The search as plain JSON values."""
    return dataclasses.asdict(result) | {"folder": str(result.folder)}
