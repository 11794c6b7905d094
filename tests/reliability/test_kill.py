"""SIGKILL at any instant: the same command goes on, and what comes out is the uninterrupted run, bit for bit."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from small_runs import CHECKPOINT_EVERY, STEPS, assert_equal, killed, train, train_to_end

from gyebo.training.checkpoints import checkpoint_folders, checkpoint_step

CALLS_BEFORE_THE_NAME = 4
"""of the disk, in a save: tensors, state, their folder, and the rename, at which the kill comes first"""


def draw_fault(draw: random.Random, folder: Path, *, in_a_save: bool) -> tuple[str, int]:
    """A fault that strikes the next start for certain: it is counted in batches and disk calls that this start has before it.

    No kill lets the last checkpoint come to be, so that there is always something left to strike.
    """
    checkpoints = checkpoint_folders(folder / "training")
    steps_left = STEPS - (checkpoint_step(checkpoints[-1]) or 0 if checkpoints else 0)
    if in_a_save:
        return "--kill-in-save", draw.randint(1, CALLS_BEFORE_THE_NAME if steps_left <= CHECKPOINT_EVERY else 6)
    return "--kill-at-batch", draw.randint(1, min(steps_left, 14))


def train_under_fire(recipe: Path, folder: Path, seed: int, count: int) -> int:
    """Start the same training again and again, each third time killed inside a save, and at last without; how many kills struck."""
    draw, struck = random.Random(seed), 0
    for number in range(count):
        struck += killed(train(recipe, folder, *draw_fault(draw, folder, in_a_save=number % 3 == 2)))
    train_to_end(recipe, folder)
    return struck


def test_killed_again_and_again(reference, tmp_path):
    assert train_under_fire(reference.recipe, tmp_path / "run", seed=1, count=3) == 3
    assert_equal(tmp_path / "run", reference.state)


@pytest.mark.slow
def test_thirty_kills(reference, tmp_path):
    assert train_under_fire(reference.recipe, tmp_path / "run", seed=2, count=30) == 30
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
