"""From trainings to a table: intervals, order, time to a target, and the warnings."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from gyebo.compare.comparison import plain, summarize
from gyebo.compare.cost import Cost
from gyebo.compare.entrant import Budget, Training
from gyebo.errors import UsageError

COST = Cost(seconds_per_step=0.5, flops_per_step=1e6, parameters=1234, higher_is_better=True)


def training(name="net", seed=1, accuracies=(0.5, 0.8), losses=(1.0, 0.5), test=0.79, **changes) -> Training:
    curve = [
        {"step": 10 * (place + 1), "accuracy": accuracy, "loss": loss}
        for place, (accuracy, loss) in enumerate(zip(accuracies, losses, strict=True))
    ]
    told = Training(
        entrant=name,
        seed=seed,
        steps=10 * len(curve),
        metrics={"accuracy": test},
        validation={"accuracy": max(accuracies)},
        curve=curve,
        epochs=3.0,
        best_step=20,
        memory_gib=0.5,
        sizes={"train": 100, "validation": 20, "test": 20},
    )
    return dataclasses.replace(told, **changes)


def summary(trainings, target=None, costs=None):
    names = {each.entrant for each in trainings}
    seeds = tuple(sorted({each.seed for each in trainings}))
    return summarize(
        trainings, costs or dict.fromkeys(names, COST), Budget(minutes=1), seeds, "accuracy", target, Path("comparisons/x")
    )


def three(name, values, **changes):
    return [training(name, seed, test=value, **changes) for seed, value in enumerate(values, 1)]


def test_the_best_comes_first_with_its_interval():
    found = summary([*three("weak", (0.5, 0.52, 0.51)), *three("strong", (0.9, 0.91, 0.92))])
    assert [standing.entrant for standing in found.standings] == ["strong", "weak"]
    best = found.standings[0].quality
    assert best.mean == pytest.approx(0.91)
    assert best.low == pytest.approx(0.91 - 4.302653 * 0.01 / 3**0.5, abs=1e-6)
    assert not any("told apart" in warning for warning in found.warnings)


def test_losses_are_better_when_lower():
    lower = dataclasses.replace(COST, higher_is_better=False)
    trainings = [*three("high", (2.0, 2.1, 2.2)), *three("low", (1.0, 1.1, 1.2))]
    found = summary(trainings, costs={"high": lower, "low": lower})
    assert [standing.entrant for standing in found.standings] == ["low", "high"]
    assert found.target == 0.5  # the worst of the best values that the curves reach


def test_entrants_whose_difference_may_be_nothing_are_told():
    found = summary([*three("one", (0.80, 0.70, 0.90)), *three("other", (0.81, 0.72, 0.86))])
    assert any("cannot be told apart" in warning for warning in found.warnings)


def test_time_to_target_counts_updates_only():
    fast = training("fast", accuracies=(0.85, 0.9), losses=(1, 1))
    slow = training("slow", accuracies=(0.2, 0.85), losses=(1, 1))
    found = {standing.entrant: standing for standing in summary([fast, slow]).standings}
    assert summary([fast, slow]).target == 0.85
    assert (found["fast"].seconds_to_target, found["slow"].seconds_to_target) == (5.0, 10.0)
    out_of_reach = summary([fast, slow], target=0.88).standings
    assert [standing.seconds_to_target for standing in out_of_reach if standing.entrant == "slow"] == [None]


def test_a_loss_that_rises_early_means_too_few_data():
    overfit = {"accuracies": (0.5, 0.6, 0.6, 0.6), "losses": (0.5, 0.9, 1.2, 1.5)}
    assert any("training data (100 examples) are few" in warning for warning in summary([training(**overfit)]).warnings)
    well = {"accuracies": (0.5, 0.6, 0.6, 0.6), "losses": (1.5, 1.2, 0.9, 0.5)}
    assert not any("are few" in warning for warning in summary([training(**well)]).warnings)


def test_an_entrant_at_the_level_of_guessing_is_told():
    classes = {"classes": [{"class": "a", "images": 8}, {"class": "b", "images": 2}]}
    assert any("most frequent class (80.0 %)" in warning for warning in summary([training(test=0.79, tables=classes)]).warnings)
    assert not any("most frequent class" in warning for warning in summary([training(test=0.95, tables=classes)]).warnings)


def test_less_than_one_epoch_and_other_splits_are_told():
    short, other = training("short", epochs=0.25), training("other", sizes={"train": 50, "validation": 20, "test": 20})
    warnings = " ".join(summary([short, other]).warnings)
    assert "short has seen only 25 % of the training data once" in warnings
    assert "splits have different sizes" in warnings


def test_a_metric_that_is_not_measured_while_training_is_refused():
    with pytest.raises(UsageError, match="not measured on the validation split while training"):
        summarize([training()], {"net": COST}, Budget(minutes=1), (1,), "bleu", None, Path("x"))


def test_the_result_is_plain():
    told = plain(summary(three("net", (0.7, 0.8, 0.9))))
    assert told["standings"][0]["quality"].keys() == {"mean", "low", "high"}
    assert told["folder"] == "comparisons/x"
