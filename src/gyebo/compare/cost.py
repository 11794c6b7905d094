"""What one step of a recipe costs on this machine: seconds, FLOPs.  Run as a module, in a process of its own.

python -m gyebo.compare.cost RECIPE.toml COST.json [DATA_DIR]
"""

from __future__ import annotations

import dataclasses
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import nn

from gyebo.errors import GyeboError, UsageError
from gyebo.genealogy import parameter_counts
from gyebo.recipes import Recipe, model_config, read_recipe, task_config
from gyebo.runs.run import build_model
from gyebo.storage import write_json
from gyebo.tasks import task_type
from gyebo.tasks.interface import Problem
from gyebo.training.distributed import share_of_cores
from gyebo.training.flops import count_flops
from gyebo.training.loop import Trainer

__all__ = ["Cost", "flops_per_batch", "measure_cost"]

SECONDS = 4.0
"""of steps that are timed, after the first ones, which warm up"""
WARM_UP_STEPS = 2
FEWEST_STEPS = 3
BATCHES_COUNTED = 4
"""batches of text differ in their length: FLOPs are the mean over so many, spread evenly over an epoch"""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """One update of the weights: the batches of a step forward and backward, and the optimizer."""

    seconds_per_step: float
    flops_per_step: float
    """floating-point operations see `gyebo.training.flops`"""
    parameters: int
    higher_is_better: bool
    """of the metric that the recipe's evaluation chooses by"""


class _Timed(Exception):
    """Leaves a training whose steps have been timed long enough."""


def measure_cost(recipe: Recipe, data_dir: Path | None = None) -> Cost:
    """Build what the recipe names, and train it for a few seconds on nothing that is kept.

    Raises what `gyebo.pipeline.train` raises for data, options and sizes that do not fit.
    """
    torch.set_num_threads(recipe.threads or share_of_cores())
    kind = task_type(recipe.task)
    data = kind.open(recipe.data, task_config(recipe), data_dir)
    task = kind.learn(task_config(recipe), data)
    torch.manual_seed(recipe.seed)
    model = build_model(recipe.architecture, model_config(recipe, task.model_fields()), f"the recipe {recipe.name!r}", UsageError)
    problem = task.problem(data)
    problem.check(model)
    return Cost(
        seconds_per_step=_seconds_per_step(model, problem, recipe),
        flops_per_step=flops_per_batch(model, problem, recipe) * recipe.batch.accumulate,
        parameters=parameter_counts(model)[1],
        higher_is_better=problem.higher_is_better(recipe.evaluation.metric),
    )


def _seconds_per_step(model: nn.Module, problem: Problem, recipe: Recipe) -> float:
    """The mean over some seconds of the loop that will train it, without evaluations."""
    seconds: list[float] = []

    def listen(record: dict[str, Any]) -> None:
        if record["kind"] == "train":
            seconds.append(record["seconds"])
            if len(seconds) >= WARM_UP_STEPS + FEWEST_STEPS and seconds[-1] - seconds[WARM_UP_STEPS - 1] >= SECONDS:
                raise _Timed

    endless = dataclasses.replace(
        recipe,
        steps=10**9,
        epochs=0,
        minutes=0.0,
        log_every=1,
        checkpoint_every=10**9,
        evaluation=dataclasses.replace(recipe.evaluation, every=10**9, average=0),
    )
    with TemporaryDirectory() as folder:
        trainer = Trainer(model, problem, endless, Path(folder), device="cpu", listeners=(listen,))
        try:
            trainer.run()
        except _Timed:
            return (seconds[-1] - seconds[WARM_UP_STEPS - 1]) / (len(seconds) - WARM_UP_STEPS)
    raise AssertionError("an endless training ended")


def flops_per_batch(model: nn.Module, problem: Problem, recipe: Recipe) -> float:
    """Floating-point operations forward and backward, the mean over a few batches of the first epoch."""
    batches = problem.training.batches(recipe.batch.tokens, recipe.seed, 0)
    count = min(len(batches), BATCHES_COUNTED)
    chosen = [batches[place * len(batches) // count] for place in range(count)]
    model.train()

    def compute() -> None:
        for rows in chosen:
            problem.loss(model, rows, "cpu").backward()

    return count_flops(compute) / len(chosen)


def _main(words: list[str]) -> int:
    recipe, output, *data_dir = words
    try:
        cost = dataclasses.asdict(measure_cost(read_recipe(recipe), Path(data_dir[0]) if data_dir else None))
    except GyeboError as error:
        write_json(Path(output), {"error": str(error), "exit_code": error.exit_code})
        return error.exit_code
    write_json(Path(output), cost)
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
