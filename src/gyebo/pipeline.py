"""The whole way in one place: recipe -> data -> task -> architecture -> training -> run -> results, card and report."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import torch

from gyebo.config import to_mapping
from gyebo.errors import GyeboError, UsageError
from gyebo.genealogy import parameter_counts
from gyebo.recipes import Recipe, model_config, read_recipe, recipe_text, task_config
from gyebo.runs import Run, RunFolder
from gyebo.runs.card import card_text
from gyebo.runs.environment import describe_environment
from gyebo.runs.run import build_model, save_config, save_weights, saved_step
from gyebo.runs.wording import WORDINGS
from gyebo.storage import write_json, write_text
from gyebo.tasks import task_type
from gyebo.tasks.interface import Evaluation, Splits, Task
from gyebo.training.config import TrainingConfig
from gyebo.training.distributed import World, process_group, share_of_cores
from gyebo.training.loop import Listener, Outcome, Trainer
from gyebo.training.memory import peak_memory_gib
from gyebo.training.signals import Interrupted, stop_signals
from gyebo.views.run_report import run_report

__all__ = ["evaluate", "open_data", "train"]

MAY_CHANGE = ("name", "title", "steps", "epochs", "minutes", "threads", "device", "checkpoint_every", "result")
"""fields of a recipe that may differ when a run goes on: how long, on what, and how often it is saved"""
NUM_SAMPLES = 10


def train(
    recipe: Recipe,
    folder: Path,
    *,
    data_dir: Path | None = None,
    listeners: tuple[Listener, ...] = (),
) -> Run:
    """Train what the recipe says in a run folder, going on from what is there, and describe the result.

    The same recipe in the same folder resumes a half-finished run and leaves a finished one as it is; with more steps, epochs or
    minutes a finished one trains on. listeners hear of progress (see `gyebo.training.loop.Listener`).
    Raises UsageError for data that cannot be read, another recipe's folder, or one that is no run; Interrupted after a signal;
    GyeboError where validation never measured a finite number; and what `Trainer.run` raises.
    """
    if not recipe.data:
        raise UsageError(
            f"The recipe {recipe.name!r} has no data of its own. Name a dataset or your own data: --data"
            f" {WORDINGS[recipe.task].own_data}"
        )
    torch.set_num_threads(recipe.threads or share_of_cores())
    device = _device(recipe)
    run = RunFolder(folder)
    data = task_type(recipe.task).open(recipe.data, task_config(recipe), data_dir)  # before anything is written
    run.refuse_foreign_files()
    with process_group(device) as world:
        if not world.is_main:
            return _train(recipe, run, data, (), device, world)
        with run.lock():
            return _train(recipe, run, data, listeners, device, world)


def _train(recipe: Recipe, folder: RunFolder, data: Splits, listeners: tuple[Listener, ...], device: str, world: World) -> Run:
    if folder.exists:
        _check_same_recipe(recipe, folder)
        begun = Run(folder)
        if _have_changed(begun, data):
            raise GyeboError(
                f"The data of {folder.path} have changed since its training began. Restore them to go on, or train under"
                " another --name."
            )
        task = begun.task
    else:
        task = task_type(recipe.task).learn(task_config(recipe), data)
    torch.manual_seed(recipe.seed)
    config = model_config(recipe, task.model_fields())
    model = build_model(recipe.architecture, config, f"the recipe {recipe.name!r}", UsageError).to(device)
    problem = task.problem(data, recipe.seed)
    problem.check(model)
    facts = data.facts() | {"notes": [*data.notes, *problem.notes]}
    if world.is_main:
        _begin(folder, recipe, task, config, facts)
    trainer = Trainer(
        model,
        problem,
        recipe,
        folder.path,
        device=device,
        world=world,
        save_best=lambda step: save_weights(model, folder, recipe.architecture, step),
        saved_best=lambda: saved_step(folder),
        on_training=lambda: write_json(folder.environment, describe_environment(device, world.size)),
        listeners=listeners,
    )
    outcome = trainer.run()
    if outcome.progress.best is None:
        raise GyeboError(
            f"Training ended because {outcome.reason}, but the validation {recipe.evaluation.metric} was never a finite number, so"
            " there are no best weights to keep. Train under another --name with a lower --optimizer.rate, or with --precision fp32."
        )
    if world.is_main and not (outcome.was_finished and _is_described(folder, outcome)):
        _describe(folder, recipe, data, facts, outcome, parameter_counts(model)[1])
    world.wait_for_all()  # no process ends before the main one has written everything
    return Run(folder)


def _device(recipe: TrainingConfig) -> str:
    if recipe.device == "cpu" or (recipe.device == "auto" and not torch.cuda.is_available()):
        return "cpu"
    if not torch.cuda.is_available():
        raise UsageError("The recipe asks for device cuda, and torch sees no CUDA device here. Give --device cpu, or auto.")
    index = int(os.environ.get("LOCAL_RANK", "0"))
    torch.cuda.set_device(index)
    return f"cuda:{index}"


def _begin(folder: RunFolder, recipe: Recipe, task: Task, config: Any, facts: dict[str, Any]) -> None:
    """Write what stands before training: config.json last, because it says that a run is there."""
    write_text(folder.recipe, recipe_text(recipe))
    if not folder.exists:
        task.save(folder.path)
        save_config(folder, task, recipe.task, recipe.architecture, config, facts)


def _check_same_recipe(recipe: Recipe, folder: RunFolder) -> None:
    before = read_recipe(str(folder.recipe))
    old, new = (_flat(to_mapping(item)) for item in (before, recipe))
    changed = [
        key for key in sorted(old.keys() | new.keys()) if key.split(".")[0] not in MAY_CHANGE and old.get(key) != new.get(key)
    ]
    if changed:
        told = "; ".join(f"{key} was {old.get(key)!r} and is now {new.get(key)!r}" for key in changed[:3])
        raise UsageError(
            f"The run {folder.path} was begun with another recipe: {told}. Only its length may change (--steps, --epochs,"
            " --minutes), and what it is computed on and how often it is saved (--threads, --device, --checkpoint-every). Give the"
            " options of its beginning, or train under another --name."
        )


def _flat(mapping: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in mapping.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat


def _is_described(folder: RunFolder, outcome: Outcome) -> bool:
    """Whether the results are those of this end: a run that was made longer may have been killed before it wrote new ones."""
    return folder.results.is_file() and folder.read(folder.results).get("steps") == outcome.progress.step


def _describe(folder: RunFolder, recipe: Recipe, data: Splits, facts: dict[str, Any], outcome: Outcome, parameters: int) -> None:
    """Evaluate the best weights on validation and test, and write the card, the report and, last, results.json."""
    run, progress = Run(folder), outcome.progress
    with stop_signals() as stop:

        def interrupt() -> None:
            if stop.number:
                raise Interrupted(stop.number, progress.step)

        evaluations = {split: run.evaluate(data, split, interrupt) for split in ("validation", "test")}
    test = evaluations["test"]
    shown = _spread(len(test.predictions), NUM_SAMPLES)
    results = {
        "reason": outcome.reason,
        "steps": progress.step,
        "best_step": progress.best_step,
        "tokens": progress.tokens,
        "seconds": progress.seconds,
        "parameters": parameters,
        "peak_memory_gib": max(progress.peak_memory_gib, peak_memory_gib()),
        "splits": {
            split: {"metrics": item.metrics, "signatures": item.signatures, "tables": item.tables, "pictures": item.pictures}
            for split, item in evaluations.items()
        },
        "samples": [dataclasses.asdict(test.predictions[index]) | {"reference": test.references[index]} for index in shown],
    }
    environment = folder.read(folder.environment)
    write_text(folder.card, card_text(folder, to_mapping(recipe), facts, results, environment))
    write_text(folder.report, run_report(folder, results))
    write_json(folder.results, results)


def _spread(size: int, count: int) -> list[int]:
    """Evenly spread indices of a list, the first one included.

    >>> _spread(100, 4)
    [0, 25, 50, 75]
    """
    return [index * size // count for index in range(count)] if size >= count else list(range(size))


def open_data(run: Run, data: tuple[str, ...] = (), data_dir: Path | None = None) -> Splits:
    """The data of a run's recipe; or other data for the same task: own ones are all test data, but for a folder that has a test split.

    Raises GyeboError where the run's own data have changed: what is its test split now may have been trained on.
    """
    recipe = read_recipe(str(run.folder.recipe))
    kind = task_type(run.task_name)
    if data:
        return kind.open_whole(data, task_config(recipe), data_dir)
    own = kind.open(recipe.data, task_config(recipe), data_dir)
    if _have_changed(run, own):
        raise GyeboError(
            f"The data of {run.folder.path} have changed since its training began, so its test split may hold what it was trained on."
            " Restore them, or name the data to evaluate on: --data FILE."
        )
    return own


def _have_changed(run: Run, data: Splits) -> bool:
    return run.data_facts.get("fingerprint") != data.fingerprint


def evaluate(run: Run, split: str = "test", data: tuple[str, ...] = (), data_dir: Path | None = None) -> Evaluation:
    """Metrics of a run on a split of its own data, or of other data.

    Raises UsageError for a split that holds nothing, such as the validation split of a file that is only evaluated.
    """
    opened = open_data(run, data, data_dir)
    if not len(getattr(opened, split)):
        raise UsageError(f"{opened.name} has no {split} split: own data that are only evaluated are test data. Leave --split out.")
    return run.evaluate(opened, split)
