"""What a comparison came to: means over the seeds with confidence intervals, what they cost, and what to be careful about."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gyebo.claims.statistics import Interval, confidence_interval
from gyebo.compare.contest import Listener, comparison_folder, cost_of, describe, train_one
from gyebo.compare.cost import Cost
from gyebo.compare.entrant import Budget, Entrant, Training
from gyebo.errors import UsageError
from gyebo.storage import write_json
from gyebo.training.signals import stop_signals
from gyebo.views.quality_cost import quality_by_cost

__all__ = ["Comparison", "Standing", "compare"]

EARLY = 0.5
"""best weights before this share of the steps, and a validation loss that has risen since: the data are few for this family"""
RISE = 1.05
"""the least factor by which the loss has risen then"""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One entrant over all seeds."""

    entrant: str
    quality: Interval
    """of the metric on the test split; with one seed its ends are the value itself"""
    values: tuple[float, ...]
    """one a seed"""
    parameters: int
    steps: int
    epochs: float
    seconds_per_step: float
    flops: float
    """of all updates of one training"""
    memory_gib: float
    """the most that any of its trainings held"""
    seconds_to_target: float | None
    """of updates, the mean over the seeds; None where a seed has not reached it"""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """All entrants, the best one first."""

    metric: str
    higher_is_better: bool
    budget: Budget
    seeds: tuple[int, ...]
    target: float
    """the quality on the validation split for `seconds_to_target`: the one asked for, or the highest that all trainings have reached"""
    standings: tuple[Standing, ...]
    warnings: tuple[str, ...]
    sizes: Mapping[str, int]
    """examples in each split: the same for all"""
    folder: Path


def compare(
    entrants: Sequence[Entrant],
    budget: Budget,
    seeds: Sequence[int],
    folder: Path,
    *,
    metric: str,
    target: float | None = None,
    data_dir: Path | None = None,
    listener: Listener | None = None,
) -> Comparison:
    """Train every entrant with every seed at the same budget, and compare them on the test split; the same call resumes.

    metric: of the task, measured on both splits.
    Raises UsageError for a metric or entrants that cannot be compared, Stopped after a signal, and what a training raises.
    """
    told = listener or Listener()
    with comparison_folder(folder, describe(entrants, budget, seeds, metric)), stop_signals() as stop:
        costs: dict[str, Cost] = {}
        for entrant in entrants:
            told.show(0.0, f"measuring what a step of {entrant.name} costs")
            costs[entrant.name] = cost_of(entrant, folder, data_dir, stop)
        steps = {entrant.name: _steps(budget, costs[entrant.name], entrant.name) for entrant in entrants}
        for name, cost in costs.items():
            told.say(f"{name}: {1000 * cost.seconds_per_step:.1f} ms a step, so {steps[name]:,} steps")
        plan = [(entrant, seed) for seed in seeds for entrant in entrants]
        trainings: list[Training] = []
        for number, (entrant, seed) in enumerate(plan):

            def look(share: float, number: int = number, words: str = f"training {entrant.name} with seed {seed}") -> None:
                told.show((number + share) / len(plan), words)

            look(0.0)
            training = train_one(entrant, seed, steps[entrant.name], folder, data_dir, stop, look)
            value = _value(training, metric)
            told.say(f"{entrant.name}, seed {seed}: {metric} {value:.4g} on the test split")
            trainings.append(training)
        comparison = summarize(trainings, costs, budget, tuple(seeds), metric, target, folder)
        figure = quality_by_cost(comparison.standings, metric)
        for suffix in (".html", ".png", ".json"):
            figure.save(folder / f"{figure.name}{suffix}")
        write_json(folder / "result.json", plain(comparison))
    return comparison


def _steps(budget: Budget, cost: Cost, name: str) -> int:
    try:
        return budget.steps(cost)
    except ValueError as error:
        raise UsageError(f"{name}: {error}") from error


def _value(training: Training, metric: str) -> float:
    if metric not in training.metrics:
        raise UsageError(
            f"{training.entrant} has no metric {metric!r} on the test split; there are {', '.join(training.metrics)}. Give one of"
            " them with --metric."
        )
    return training.metrics[metric]


def summarize(
    trainings: Sequence[Training],
    costs: Mapping[str, Cost],
    budget: Budget,
    seeds: tuple[int, ...],
    metric: str,
    target: float | None,
    folder: Path,
) -> Comparison:
    """The standings of trainings that are all done, the best first."""
    names = list(dict.fromkeys(training.entrant for training in trainings))
    of = {name: [training for training in trainings if training.entrant == name] for name in names}
    higher = costs[names[0]].higher_is_better
    if not all(metric in point for training in trainings for point in training.curve):
        raise UsageError(
            f"The metric {metric!r} is not measured on the validation split while training. Give another --metric, such as loss."
        )
    reached = [(max if higher else min)(point[metric] for point in training.curve) for training in trainings]
    aim = target if target is not None else (min if higher else max)(reached)
    standings = [_standing(name, of[name], costs[name], metric, aim, higher) for name in names]
    standings.sort(key=lambda standing: -standing.quality.mean if higher else standing.quality.mean)
    return Comparison(
        metric=metric,
        higher_is_better=higher,
        budget=budget,
        seeds=seeds,
        target=aim,
        standings=tuple(standings),
        warnings=tuple(_warnings(standings, of, metric)),
        sizes=trainings[0].sizes,
        folder=folder,
    )


def _standing(name: str, trainings: Sequence[Training], cost: Cost, metric: str, target: float, higher: bool) -> Standing:
    values = [_value(training, metric) for training in trainings]
    quality = confidence_interval(values) if len(values) > 1 else Interval(values[0], values[0], values[0])
    first = [_first_step(training, metric, target, higher) for training in trainings]
    met = [step for step in first if step is not None]
    return Standing(
        entrant=name,
        quality=quality,
        values=tuple(values),
        parameters=cost.parameters,
        steps=trainings[0].steps,
        epochs=trainings[0].epochs,
        seconds_per_step=cost.seconds_per_step,
        flops=cost.flops_per_step * trainings[0].steps,
        memory_gib=max(training.memory_gib for training in trainings),
        seconds_to_target=sum(met) / len(met) * cost.seconds_per_step if len(met) == len(first) else None,
    )


def _first_step(training: Training, metric: str, target: float, higher: bool) -> int | None:
    for point in training.curve:
        if point[metric] >= target if higher else point[metric] <= target:
            return point["step"]
    return None


def _warnings(standings: Sequence[Standing], of: Mapping[str, Sequence[Training]], metric: str) -> list[str]:
    """What a reader should know before trusting the order, a sentence each."""
    told: list[str] = []
    for standing in standings:
        trainings = of[standing.entrant]
        if standing.epochs < 1:
            told.append(
                f"{standing.entrant} has seen only {100 * standing.epochs:.0f} % of the training data once: the budget is short for it."
            )
        if all(map(_has_too_few_data, trainings)):
            told.append(
                f"{standing.entrant} was best before half of its steps and its validation loss has risen since, with every seed: the"
                f" training data ({trainings[0].sizes['train']:,} examples) are few for this family. More data, augmentation, dropout"
                " or a smaller size would help it more than more time."
            )
        chance = _majority(trainings[0])
        if metric == "accuracy" and chance is not None and standing.quality.low <= chance:
            told.append(
                f"{standing.entrant} cannot be told from always answering the most frequent class ({100 * chance:.1f} %): it has too"
                " little data or too little time to learn."
            )
    sizes = {tuple(sorted(training.sizes.items())) for trainings in of.values() for training in trainings}
    if len(sizes) > 1:
        told.append("The entrants' splits have different sizes: their recipes select other examples, so compare with care.")
    if len(standings) > 1 and (sentence := _undecided(standings)):
        told.append(sentence)
    return told


def _has_too_few_data(training: Training) -> bool:
    losses = [point["loss"] for point in training.curve if "loss" in point]
    if len(losses) < 3 or not all(map(math.isfinite, losses)):
        return False
    lowest = losses.index(min(losses))
    return training.curve[lowest]["step"] < EARLY * training.steps and losses[-1] > RISE * losses[lowest]


def _majority(training: Training) -> float | None:
    """The share of the most frequent class in the test split, where the task tells its classes."""
    counts = [row["images"] for row in training.tables.get("classes", []) if "images" in row]
    return max(counts) / sum(counts) if counts and sum(counts) else None


def _undecided(standings: Sequence[Standing]) -> str:
    """Whether the first two can be told apart: the seeds are shared, so the differences seed by seed decide."""
    first, second = standings[:2]
    if len(first.values) < 3:
        return (
            f"With {len(first.values)} seed{'s' * (len(first.values) > 1)} the order says little: three or more give an interval."
        )
    difference = confidence_interval([a - b for a, b in zip(first.values, second.values, strict=True)])
    if difference.low <= 0 <= difference.high:
        return f"{first.entrant} and {second.entrant} cannot be told apart with these seeds: more --seeds or more --minutes may."
    return ""


def plain(comparison: Comparison) -> dict[str, Any]:
    """The comparison as plain JSON values."""
    return dataclasses.asdict(comparison) | {
        "folder": str(comparison.folder),
        "standings": [
            dataclasses.asdict(standing) | {"quality": standing.quality._asdict(), "values": list(standing.values)}
            for standing in comparison.standings
        ],
    }
