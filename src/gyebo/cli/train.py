"""`gyebo train RECIPE`: train a recipe, with every field of it an option by its path."""

from __future__ import annotations

import dataclasses
import os
import shlex
import sys
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from gyebo.cli.parsing import parse, shown
from gyebo.cli.progress import DownloadProgress, metric_place, training_progress
from gyebo.cli.tables import print_table, visible
from gyebo.config import to_mapping, without_none
from gyebo.data.own_files import name_of
from gyebo.errors import UsageError
from gyebo.recipes import Recipe, ResultConfig, read_recipe, recipe_from_mapping, recipe_names, recipe_type, task_config
from gyebo.tasks.metric_wording import metric_name, metric_phrase, metric_text

if TYPE_CHECKING:
    from gyebo.runs import Run

NUM_SHOWN = 5

HELP = """usage: gyebo train RECIPE [--option value ...]

Train a recipe: a name, or the path of your own ending in .toml. The same command again resumes an interrupted training, and with more
--epochs, --steps or --minutes a finished one trains on.

recipes: {recipes}

`gyebo train RECIPE --help` shows every field of a recipe with its value there; each is an option by its path (--optimizer.rate 3e-4)."""


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Train a recipe, whose every field is an option. The same command resumes."""

    name: Annotated[str, shown("NAME")] = ""
    """the run's folder in --runs-dir (default: the recipe's name, and what --data and --architecture change)"""
    runs_dir: Path = Path("runs")
    """the folder of all runs"""
    data_dir: Annotated[Path | None, shown("FOLDER")] = None
    """the folder of the named datasets (default: $GYEBO_DATA, else a cache folder)"""
    tensorboard: bool = False
    """also write TensorBoard's event files into the run's folder (needs the extra `track`)"""
    architecture: str
    """another architecture takes the recipe's [model] fields that it has too"""
    task: tyro.conf.Suppress[str]
    result: tyro.conf.Suppress[ResultConfig]


def run(words: list[str]) -> int:
    """Train, then print the result, some predictions, and what to do next."""
    if not words or words[0] in ("-h", "--help"):
        print(HELP.format(recipes=", ".join(recipe_names())), file=sys.stdout if words else sys.stderr)
        return 0 if words else 2
    if words[0].startswith("-"):
        raise UsageError(
            f"The recipe comes before the options: gyebo train RECIPE {words[0]} ... Recipes: {', '.join(recipe_names())}."
        )
    recipe, options = read_command(words[0], words[1:])
    return _train(recipe, options)


def read_command(name: str, words: Sequence[str]) -> tuple[Recipe, RunOptions]:
    """The recipe of a name with what the words change in it, and the options of the run.

    >>> recipe, options = read_command("dates", ["--epochs", "20", "--runs-dir", "trials"])
    >>> recipe.epochs, options.name, options.runs_dir.name
    (20, 'dates', 'trials')
    """
    base = read_recipe(name)
    begun = with_architecture(base, asked) if (asked := _asked_architecture(words)) else base
    kind = recipe_type(begun.task, begun.architecture)
    options_type = dataclasses.make_dataclass("TrainOptions", [], bases=(RunOptions, kind), frozen=True, kw_only=True)
    options_type.__doc__ = RunOptions.__doc__
    options = parse(options_type, words, f"gyebo train {name}", options_type(**_fields(begun, kind) | {"name": ""}))
    recipe = dataclasses.replace(begun, **_fields(options, kind) | {"name": base.name})
    if (recipe.architecture, recipe.data) != (base.architecture, base.data):
        recipe = dataclasses.replace(recipe, result=ResultConfig())  # what the recipe expects is not of this
    from gyebo.runs.folder import folder_name

    return recipe, dataclasses.replace(options, name=folder_name(options.name or _default_name(recipe, base)))


def _fields(holder: Any, kind: type[Recipe]) -> dict[str, Any]:
    return {field.name: getattr(holder, field.name) for field in dataclasses.fields(kind)}


def _asked_architecture(words: Sequence[str]) -> str | None:
    """The value of --architecture: it decides which options there are, so it is read before them."""
    asked = None
    for word, following in pairwise([*words, ""]):
        if word == "--architecture":
            asked = following
        elif word.startswith("--architecture="):
            asked = word.partition("=")[2]
    return asked


def with_architecture(recipe: Recipe, name: str) -> Recipe:
    """The recipe with another architecture, keeping the [model] values of fields that both have.

    Raises UsageError for an unknown architecture, or one for another task.
    """
    if name == recipe.architecture:
        return recipe
    mapping = to_mapping(recipe)
    options = typing.get_type_hints(recipe_type(recipe.task, name))["model"]
    known = {field.name for field in dataclasses.fields(options)}
    model = {key: value for key, value in mapping["model"].items() if key in known}
    return recipe_from_mapping(without_none(mapping) | {"architecture": name, "model": model}, f"the recipe {recipe.name}")


def _default_name(recipe: Recipe, base: Recipe) -> str:
    """The recipe's name, and what makes this run another one: the own file's name, another architecture's."""
    parts = [recipe.name]
    if recipe.data and recipe.data != base.data:
        parts.append(name_of(Path(recipe.data[0])))
    if recipe.architecture != base.architecture:
        parts.append(recipe.architecture)
    return "-".join(filter(None, parts))


def _train(recipe: Recipe, options: RunOptions) -> int:
    from gyebo import pipeline
    from gyebo.runs.wording import WORDINGS

    folder = options.runs_dir / options.name
    listeners = ()
    if options.tensorboard:
        from gyebo.cli.tensorboard import tensorboard_listener

        listeners = (tensorboard_listener(folder / "tensorboard"),)
    is_main = os.environ.get("RANK", "0") == "0"  # torchrun starts this command once a process
    if is_main:
        prepare_data(recipe, options.data_dir)
        _say_beginning(recipe, folder)
    with training_progress(WORDINGS[recipe.task].tokens.split()[-1]) as progress:
        run = pipeline.train(recipe, folder, data_dir=options.data_dir, listeners=(progress, *listeners))
    if is_main:
        _say_result(run, recipe, was_finished=not progress.heard_anything)
    return 0


def prepare_data(recipe: Recipe, data_dir: Path | None) -> None:
    """Fetch the recipe's dataset with progress, where files of it are missing."""
    from gyebo.data.download import data_folder
    from gyebo.data.registry import all_datasets
    from gyebo.tasks import task_type

    named = [dataset for dataset in all_datasets() if (dataset.name,) == recipe.data]
    if any(not (data_folder(data_dir) / file.path).is_file() for dataset in named for file in dataset.files):
        task_type(recipe.task).open(recipe.data, task_config(recipe), data_dir, DownloadProgress(recipe.data[0]))


def _say_beginning(recipe: Recipe, folder: Path) -> None:
    from gyebo.training.checkpoints import checkpoint_folders, checkpoint_step

    if checkpoints := checkpoint_folders(folder / "training"):
        print(f"{folder}: begun earlier, checkpoint at step {checkpoint_step(checkpoints[-1]):,}", file=sys.stderr)
    elif recipe.data:
        data = " and ".join(recipe.data)
        print(f"{folder}: training {recipe.architecture} on {data}", file=sys.stderr)


def _say_result(run: Run, recipe: Recipe, *, was_finished: bool) -> None:
    from gyebo.runs.wording import WORDINGS

    wording = WORDINGS[run.task_name]
    results = run.folder.read(run.folder.results)
    if was_finished:
        print(f"{run.folder.path} was finished already: {results['reason']}. More --epochs, --steps or --minutes train it further.")
    print(
        f"{results['steps']:,} steps in {results['seconds'] / 60:.1f} minutes, {results['parameters']:,} parameters;"
        f" best weights: step {results['best_step']:,}"
    )
    print()
    _print_metrics(results["splits"])
    if recipe.result.reached is not None:
        print(f"\nThe recipe expects {metric_phrase(recipe.result.metric, recipe.result.reached)} on the test split.")
    print()
    samples = results["samples"][:NUM_SHOWN]
    print_table(wording.columns, [(row["input"], row["output"], row["reference"]) for row in samples])
    print(f"\nrun     {run.folder.path}\nreport  {run.folder.report}\n\nnext")
    for command in _next_commands(run, wording.input_name or (samples[0]["input"] if samples else ""), wording.own_data):
        print(f"  {command}")


def _print_metrics(splits: dict[str, Any]) -> None:
    names = sorted({name for split in splits.values() for name in split["metrics"]}, key=metric_place)
    splits = {name: splits[name] for name in sorted(splits, reverse=True)}  # validation, test: as they were used
    rows = [(metric_name(name), *(metric_text(name, split["metrics"][name]) for split in splits.values())) for name in names]
    print_table(("metric", *splits), rows)


def _next_commands(run: Run, text: str, own_data: str) -> list[str]:
    """What a user does next: predict, look, train on the own data."""
    path = run.folder.path
    name = shlex.quote(run.name if path.parent == Path("runs") else str(path))
    own = run.task_name if run.task_name in recipe_names() else "RECIPE"
    return [
        f"gyebo predict {name} {shlex.quote(visible(text))}",
        f"gyebo look {name}",
        f"gyebo train {own} --data {own_data}",
    ]
