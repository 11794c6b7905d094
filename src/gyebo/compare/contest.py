"""A comparison as it runs: costs, steps, then a training for each entrant and seed, each kept as soon as it is done.

<folder>/comparison.json     what is compared: another comparison in the same folder is refused
         costs/NAME.json     of one step, measured once
         recipes/NAME-SEED.toml  runs/NAME-SEED/  logs/NAME-SEED.txt
         result.json         the table, the intervals, the warnings
         quality-by-cost.{html,png,json}
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gyebo.compare.cost import Cost
from gyebo.compare.entrant import Budget, Entrant, Training, recipe_of_training
from gyebo.compare.processes import Stopped, run_process
from gyebo.config import from_mapping, to_mapping
from gyebo.errors import DiskError, GyeboError, UsageError, disk_errors
from gyebo.recipes import Recipe, recipe_text
from gyebo.runs.folder import RunFolder
from gyebo.storage import locked, write_json, write_text
from gyebo.training.signals import StopAsked

__all__ = ["Listener", "comparison_folder", "cost_of", "describe", "train_one"]

NOT_METRICS = ("kind", "step", "epoch", "seconds", "best", "weights")


def _silent(*_: object) -> None:
    pass


@dataclass(frozen=True)
class Listener:
    """Who is told how a comparison gets on.

    say: called with a line that stays.  show: called with (share done, what is done now).
    """

    say: Callable[[str], None] = _silent
    show: Callable[[float, str], None] = _silent


@contextmanager
def comparison_folder(folder: Path, described: dict[str, Any]) -> Iterator[None]:
    """Hold the folder of a comparison for this process, begun or going on.

    described: all that decides its result, as plain JSON values. Raises UsageError where the folder holds another comparison, or
    what is none.
    """
    path = folder / "comparison.json"
    if path.is_file():
        before = _read(path)
        changed = sorted(key for key in before.keys() | described.keys() if before.get(key) != described.get(key))
        if changed:
            raise UsageError(
                f"The folder {folder} holds another comparison: its {changed[0]} is {_short(before.get(changed[0]))}, and is now"
                f" {_short(described.get(changed[0]))}. Give the options of its beginning to go on with it, or another --output."
            )
    elif folder.is_dir() and any(file.name != ".lock" for file in folder.iterdir()):
        raise UsageError(f"The folder {folder} is no comparison, and is not empty. Give another --output.")
    in_use = "The comparison {} is in use: process {} works in it. Wait for it or stop it, or give another --output."
    with locked(folder, lambda holder: in_use.format(folder, holder)):
        write_json(path, described)
        yield


def describe(entrants: Sequence[Entrant], budget: Budget, seeds: Sequence[int], metric: str) -> dict[str, Any]:
    """All that decides a comparison's result."""
    plain = json.loads(json.dumps({entrant.name: to_mapping(entrant.recipe) for entrant in entrants}))
    return {"entrants": plain, "budget": dataclasses.asdict(budget), "seeds": list(seeds), "metric": metric}


def cost_of(entrant: Entrant, folder: Path, data_dir: Path | None, stop: StopAsked) -> Cost:
    """What one step of an entrant costs, measured once in a folder, by a process of its own."""
    path = folder / "costs" / f"{entrant.name}.json"
    if not path.is_file():
        recipe = folder / "recipes" / f"{entrant.name}.toml"
        write_text(recipe, recipe_text(entrant.recipe))
        found = path.with_suffix(".found.json")
        found.unlink(missing_ok=True)
        words = ["gyebo.compare.cost", str(recipe), str(found), *([] if data_dir is None else [str(data_dir)])]
        try:
            run_process(words, folder / "logs" / f"{entrant.name}-cost.txt", f"measuring what a step of {entrant.name} costs", stop)
        except Stopped:
            raise
        except GyeboError as error:
            raise _told(found, entrant.name) or error from error
        with disk_errors(path, "keeping the cost"):
            found.replace(path)
    return from_mapping(Cost, _read(path), f"{path}")


def _told(path: Path, name: str) -> GyeboError | None:
    """The error that a process wrote before it ended, if it did."""
    if not path.is_file():
        return None
    told = _read(path)
    kind = {2: UsageError, 3: DiskError}.get(told.get("exit_code", 1), GyeboError)
    return kind(f"{name}: {told.get('error')}")


def train_one(
    entrant: Entrant,
    seed: int,
    steps: int,
    folder: Path,
    data_dir: Path | None,
    stop: StopAsked,
    look: Callable[[float], None],
    first: int | None = None,
) -> Training:
    """Train an entrant with a seed, going on from what is there; look: called now and then with the share that is done.

    first: the steps of the first rung, where this is a later one (see `recipe_of_training`).
    """
    recipe = recipe_of_training(entrant, seed, steps, first)
    run = RunFolder(folder / "runs" / recipe.name)
    if not _is_done(run, steps):
        path = folder / "recipes" / f"{recipe.name}.toml"
        write_text(path, recipe_text(recipe))
        words = ["gyebo", "train", str(path), "--name", recipe.name, "--runs-dir", str(folder / "runs")]
        words += [] if data_dir is None else ["--data-dir", str(data_dir)]

        def share() -> None:
            look(_steps_done(run) / steps)

        doing = f"training {entrant.name} with seed {seed}"
        run_process(words, folder / "logs" / f"{recipe.name}.txt", doing, stop, share)
    return _training(entrant.name, recipe, run)


def _is_done(run: RunFolder, steps: int) -> bool:
    return run.results.is_file() and run.read(run.results).get("steps") == steps


def _steps_done(run: RunFolder) -> int:
    if not (run.path / "metrics.jsonl").is_file():
        return 0
    try:
        return max((record.get("step", 0) for record in run.metrics()), default=0)
    except GyeboError:  # it is being written just now
        return 0


def _training(name: str, recipe: Recipe, run: RunFolder) -> Training:
    results, records = run.read(run.results), run.metrics()
    facts = run.read(run.config).get("data", {})
    curve = [
        {"step": record["step"]} | {key: value for key, value in record.items() if key not in NOT_METRICS}
        for record in records
        if record["kind"] == "evaluation"
    ]
    return Training(
        entrant=name,
        seed=recipe.seed,
        steps=results["steps"],
        metrics=results["splits"]["test"]["metrics"],
        validation=results["splits"]["validation"]["metrics"],
        curve=curve,
        epochs=max((record["epoch"] for record in records), default=0.0),
        best_step=results["best_step"],
        memory_gib=results["peak_memory_gib"],
        sizes={split: facts.get(split, 0) for split in ("train", "validation", "test")},
        tables=results["splits"]["test"]["tables"],
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(value, dict):
            raise ValueError("it holds no JSON object")
    except (OSError, ValueError, RecursionError) as error:
        raise GyeboError(f"{path} cannot be read ({error}). Remove it, and the same command makes it again.") from error
    return value


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
