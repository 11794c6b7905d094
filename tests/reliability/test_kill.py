"""SIGKILL at any instant: the same command goes on, and what comes out is the uninterrupted run, bit for bit."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from small_runs import assert_equal, killed, train, train_to_end

# A training without a fault makes about 60 calls of fsync, 20 of rename and 8 checkpoints; a killed one is followed by one that
# starts later, so small numbers strike early in each.
IN_A_SAVE = (("--kill-at-fsync", 30), ("--kill-before-rename", 12), ("--kill-after-rename", 12), ("--kill-while-writing", 4))


def draw_faults(seed: int, count: int) -> list[tuple[str, float]]:
    """So many faults, a third of them inside a save, the others at any time of the training."""
    draw = random.Random(seed)
    faults: list[tuple[str, float]] = []
    for number in range(count):
        if number % 3 == 2:
            name, most = draw.choice(IN_A_SAVE)
            faults.append((name, draw.randint(1, most)))
        else:
            faults.append(("--kill-after", round(draw.uniform(0.0, 2.0), 3)))
    return faults


def train_under_fire(recipe: Path, folder: Path, faults: list[tuple[str, float]]) -> int:
    """Start the same training again and again, each time with another fault, and at last without; how many kills struck."""
    struck = sum(killed(train(recipe, folder, *fault)) for fault in faults)
    train_to_end(recipe, folder)
    return struck


def test_killed_again_and_again(reference, tmp_path):
    faults = draw_faults(seed=1, count=6)
    assert train_under_fire(reference.recipe, tmp_path / "run", faults) >= 4
    assert_equal(tmp_path / "run", reference.state)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 8))
def test_thirty_kills(reference, tmp_path, seed):
    assert train_under_fire(reference.recipe, tmp_path / "run", draw_faults(seed, count=5)) >= 2
    assert_equal(tmp_path / "run", reference.state)


@pytest.mark.slow
@pytest.mark.parametrize("call", range(1, 41))
def test_killed_at_each_fsync(reference, tmp_path, call):
    """Every write of a run's beginning and of its first checkpoints, one after the other: no instant of a save is left out."""
    assert killed(train(reference.recipe, tmp_path / "run", "--kill-at-fsync", call))
    train_to_end(reference.recipe, tmp_path / "run")
    assert_equal(tmp_path / "run", reference.state)


def test_finished_run_is_left_as_it_is(reference):
    before = {path: path.stat().st_mtime_ns for path in reference.folder.rglob("*") if path.name not in (".lock", "recipe.toml")}
    train_to_end(reference.recipe, reference.folder)
    after = {path: path.stat().st_mtime_ns for path in reference.folder.rglob("*") if path.name not in (".lock", "recipe.toml")}
    assert after == before
