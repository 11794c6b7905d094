"""`gyebo compare ARCHITECTURE ...`: which of them wins at an equal budget; or, with --vary, which settings of one of them do."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from gyebo.cli.parsing import Flag, parse, shown
from gyebo.cli.progress import Show, clock, live_lines
from gyebo.cli.tables import print_facts, print_json, print_table
from gyebo.cli.train import prepare_data, with_architecture
from gyebo.data.own_files import name_of
from gyebo.errors import UsageError, did_you_mean
from gyebo.genealogy import architecture_names, facts
from gyebo.recipes import Recipe, read_recipe, recipe_names
from gyebo.runs.folder import folder_name
from gyebo.tasks.metric_wording import metric_name, metric_text

if TYPE_CHECKING:
    from gyebo.compare.comparison import Comparison
    from gyebo.compare.contest import Listener
    from gyebo.compare.entrant import Budget, Entrant
    from gyebo.compare.search import Search

MINUTES = 2.0
SEEDS = 3
TRIALS = 9


@dataclass(frozen=True, kw_only=True)
class CompareOptions:
    """Train architectures at an equal budget on the same data, and compare them; or try settings of one of them."""

    entrants: Annotated[tyro.conf.Positional[tuple[str, ...]], shown("ARCHITECTURE|RECIPE ...")]
    """an architecture, which takes the settings of its task's recipe; or a recipe, which brings its own"""
    data: tuple[str, ...] = ()
    """a dataset, or the user's own files (default: the data of the recipes named)"""
    recipe: Annotated[str, shown("RECIPE")] = ""
    """whose settings architectures take (default: the recipe named like their task)"""
    minutes: Annotated[float | None, shown("MINUTES")] = None
    """the budget of each training, in minutes of updates on this machine (default: 2)"""
    flops: Annotated[float | None, shown("FLOPS")] = None
    """the budget of each training in floating-point operations, such as 1e12, instead of minutes"""
    seeds: int = SEEDS
    """trainings of each architecture, with the seeds 1, 2, 3 ..."""
    metric: Annotated[str, shown("METRIC")] = ""
    """what is compared (default: what the recipe chooses its best weights by)"""
    target: Annotated[float | None, shown("VALUE")] = None
    """report the time to this value on the validation split (default: the best that all of them reach)"""
    vary: Annotated[tuple[str, ...], shown("PATH=LOW..HIGH|A,B ...")] = ()
    """search settings of one architecture instead: fields by their paths, as in optimizer.rate=1e-4..1e-1 model.dropout=0,0.5"""
    trials: int = TRIALS
    """with --vary: how many settings are drawn"""
    halving: Flag = False
    """with --vary: begin all trials with a small part of the budget, and go on with the best third, again and again"""
    threads: int = 0
    """CPU threads of each training; 0 takes one a core"""
    output: Annotated[Path | None, shown("FOLDER")] = None
    """the folder of the comparison; the same command goes on with it (default: comparisons/DATA)"""
    data_dir: Annotated[Path | None, shown("FOLDER")] = None
    """the folder of the named datasets (default: $GYEBO_DATA, else a cache folder)"""
    json: Flag = False
    """print JSON"""


def run(words: list[str]) -> int:
    """Compare, or search, and print the table."""
    options = parse(CompareOptions, words, "gyebo compare")
    _check(options)
    recipes = {name: recipe_of(name, options) for name in options.entrants}
    _check_together(recipes)
    budget, metric = _budget(options), options.metric or next(iter(recipes.values())).evaluation.metric
    recipes = {
        name: dataclasses.replace(
            recipe, threads=options.threads, evaluation=dataclasses.replace(recipe.evaluation, metric=metric, target=None)
        )
        for name, recipe in recipes.items()
    }
    for recipe in recipes.values():
        prepare_data(recipe, options.data_dir)
    from gyebo.compare.entrant import Entrant

    entrants = [Entrant(name=_entrant_name(word), recipe=recipe) for word, recipe in recipes.items()]
    folder = options.output or Path("comparisons") / _default_name(entrants, options)
    if options.vary:
        return _search(entrants[0], budget, folder, metric, options)
    return _compare(entrants, budget, folder, metric, options)


def _check(options: CompareOptions) -> None:
    if not options.entrants:
        raise UsageError(
            "`gyebo compare` compares architectures, and none is named: gyebo compare lenet5-modern mlp --data digits. `gyebo list"
            " architectures` lists them."
        )
    if twice := [name for name in options.entrants if options.entrants.count(name) > 1]:
        raise UsageError(f"{twice[0]!r} is named twice. Name each once; more --seeds train each more often.")
    names = {word: _entrant_name(word) for word in options.entrants}
    for (one, name), (other, its_name) in combinations(names.items(), 2):
        if name == its_name:
            raise UsageError(
                f"{one!r} and {other!r} would both be called {name!r}. Copy the recipe of one of them to a file of another name."
            )
    if options.vary and len(options.entrants) > 1:
        raise UsageError("--vary searches settings of one architecture, but several are named. Name one, or leave --vary out.")
    if not options.vary and (options.halving or options.trials != TRIALS):
        raise UsageError(
            "--trials and --halving are about a search: name what to vary too, as in --vary optimizer.rate=1e-4..1e-1."
        )
    if options.vary and (options.seeds != SEEDS or options.target is not None):
        raise UsageError("--seeds and --target are about a comparison, and --vary about a search: leave out one of the two.")
    for name in ("seeds", "trials"):
        if getattr(options, name) < 1:
            raise UsageError(f"--{name} is {getattr(options, name)}, but a whole number from 1 was expected.")
    if options.minutes is not None and options.flops is not None:
        raise UsageError("--minutes and --flops are both budgets: give one of the two.")


def _entrant_name(word: str) -> str:
    """What an entrant is called in tables and in the names of files: a recipe of a path by its file, wherever that lies."""
    if not word.endswith(".toml"):
        return word
    try:
        return folder_name(Path(word).stem)
    except UsageError as error:
        raise UsageError(
            f"The recipe {word!r} has a name that cannot name the files of a comparison. Copy it to a file of another name."
        ) from error


def recipe_of(name: str, options: CompareOptions) -> Recipe:
    """The settings of an entrant: those of a recipe, or of its task's with the architecture exchanged.

    Raises UsageError for a name that is neither, or an architecture whose task has no recipe of its own.
    """
    if name in architecture_names():
        base = _base_recipe(name, options)
        if base not in recipe_names() and not base.endswith(".toml"):
            raise UsageError(
                f"The task {facts(name).task!r} of {name} has no recipe of its own name whose settings could be taken: give one"
                " with --recipe."
            )
        recipe = with_architecture(read_recipe(base), name)
    elif name in recipe_names() or name.endswith(".toml"):
        recipe = read_recipe(name)
    else:
        raise UsageError(
            f"{name!r} is neither an architecture nor a recipe. {did_you_mean(name, [*architecture_names(), *recipe_names()])}"
        )
    recipe = dataclasses.replace(recipe, data=options.data) if options.data else recipe
    if not recipe.data:
        raise UsageError(f"{name} has no data of its own. Name a dataset or your own files: --data mnist")
    return recipe


def _base_recipe(name: str, options: CompareOptions) -> str:
    """Whose settings an architecture takes."""
    return options.recipe or facts(name).task


def _check_together(recipes: dict[str, Recipe]) -> None:
    (first, one), *others = recipes.items()
    for name, other in others:
        if other.task != one.task:
            raise UsageError(
                f"{first} is for the task {one.task!r} and {name} for {other.task!r}: only architectures of one task can be compared."
            )
        if other.data != one.data:
            raise UsageError(
                f"{first} would train on {' and '.join(one.data)} and {name} on {' and '.join(other.data)}. Name the data for both:"
                f" --data {one.data[0]}"
            )


def _budget(options: CompareOptions) -> Budget:
    from gyebo.compare.entrant import Budget

    try:
        if options.flops is not None:
            return Budget(flops=options.flops)
        return Budget(minutes=MINUTES if options.minutes is None else options.minutes)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _default_name(entrants: list[Entrant], options: CompareOptions) -> str:
    data = name_of(Path(entrants[0].recipe.data[0]))
    return folder_name(f"{entrants[0].name}-{data}-search" if options.vary else data)


def _compare(entrants: list[Entrant], budget: Budget, folder: Path, metric: str, options: CompareOptions) -> int:
    with live_lines("comparison") as (show, say):
        show(0.0, "loading")
        from gyebo.compare.comparison import compare, plain

        comparison = compare(
            entrants,
            budget,
            range(1, options.seeds + 1),
            folder,
            metric=metric,
            target=options.target,
            data_dir=options.data_dir,
            listener=_listener(show, say),
        )
    if options.json:
        print_json(plain(comparison))
    else:
        _print_comparison(comparison)
    return 0


def _listener(show: Show, say: Callable[[str], None]) -> Listener:
    from gyebo.compare.contest import Listener

    return Listener(say=say, show=show)


def _print_comparison(comparison: Comparison) -> None:
    metric = comparison.metric
    rows = [
        (
            standing.entrant,
            metric_text(metric, standing.quality.mean),
            f"{metric_text(metric, standing.quality.low)} to {metric_text(metric, standing.quality.high)}"
            if len(standing.values) > 1
            else "",
            f"{standing.parameters:,}",
            f"{standing.steps:,}",
            f"{standing.epochs:.1f}",
            f"{standing.flops:.2e}",
            f"{standing.memory_gib:.2f}",
            "" if standing.seconds_to_target is None else clock(standing.seconds_to_target),
        )
        for standing in comparison.standings
    ]
    budget = f"{comparison.budget.minutes:g} minutes" if comparison.budget.minutes else f"{comparison.budget.flops:g} FLOPs"
    sizes = " / ".join(f"{size:,}" for size in comparison.sizes.values())
    columns = ("", metric_name(metric), "95 % interval", "parameters", "steps", "epochs", "FLOPs", "memory, GiB")
    target = f"time to {metric_text(metric, comparison.target)}"
    print_table((*columns, target), rows)
    print()
    print_facts(
        {
            "budget": f"{budget} for each training, {len(comparison.seeds)} seed{'s' * (len(comparison.seeds) > 1)}",
            "data": f"{sizes} training / validation / test examples; the metric is that of the test split",
            "target": f"{metric_name(metric)} {metric_text(metric, comparison.target)} on the validation split",
            "figure": comparison.folder / "quality-by-cost.html",
            "result": comparison.folder / "result.json",
        }
    )
    for warning in comparison.warnings:
        print(f"\nnote: {warning}")


def _search(entrant: Entrant, budget: Budget, folder: Path, metric: str, options: CompareOptions) -> int:
    with live_lines("search") as (show, say):
        show(0.0, "loading")
        from gyebo.compare.search import plain, read_space, search

        found = search(
            entrant.recipe,
            read_space(options.vary),
            budget,
            folder,
            trials=options.trials,
            halving=options.halving,
            metric=metric,
            data_dir=options.data_dir,
            listener=_listener(show, say),
        )
    if options.json:
        print_json(plain(found))
    else:
        _print_search(found, train_command(options.entrants[0], entrant.recipe, found.trials[0].values, options))
    return 0


def _print_search(found: Search, command: str) -> None:
    paths = list(found.trials[0].values)
    rows = [
        (
            trial.name,
            *(f"{value:.4g}" if isinstance(value, float) else str(value) for value in trial.values.values()),
            f"{trial.steps:,}",
            metric_text(found.metric, trial.validation),
            metric_text(found.metric, trial.test),
        )
        for trial in found.trials
    ]
    print_table(("", *paths, "steps", f"validation {metric_name(found.metric)}", "test, which decided nothing"), rows)
    print(f"\nresult  {found.folder / 'result.json'}\n\nnext\n  {command}")


def train_command(word: str, recipe: Recipe, values: Mapping[str, Any], options: CompareOptions) -> str:
    """The command that trains an entrant, named by this word, with these values of its fields."""
    words = [word]
    if word in architecture_names():
        words = [_base_recipe(word, options), "--architecture", word]
    words += ["--data", *recipe.data]
    for path, value in values.items():
        *tables, field = path.replace("_", "-").split(".")
        if isinstance(value, bool):  # an option without a value, of which another one is the opposite
            words.append("--" + ".".join([*tables, field if value else f"no-{field}"]))
        else:
            words += ["--" + ".".join([*tables, field]), str(value)]
    return f"gyebo train {shlex.join(words)}"
