"""SIGTERM and SIGINT: a checkpoint, the exit code of the signal, and nothing is lost."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from small_runs import ENVIRONMENT, STEPS, assert_equal, command, one_paragraph, train_to_end

from gyebo.training.checkpoints import checkpoint_folders

SECONDS_TO_STOP = 10


def stop(recipe: Path, folder: Path, number: signal.Signals, kind: str, *faults: object) -> tuple[int, str, float]:
    """Train until a record of this kind is said, then send the signal: exit code, message, and the seconds until the end."""
    with subprocess.Popen(
        command(recipe, folder, *faults), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    ) as process:
        assert process.stdout
        for line in process.stdout:
            if json.loads(line)["kind"] == kind:
                break
        process.send_signal(number)
        sent = time.monotonic()
        _, message = process.communicate(timeout=60)
        return process.returncode, message, time.monotonic() - sent


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signal_while_training(reference, tmp_path, number, code):
    found, message, seconds = stop(reference.recipe, tmp_path / "run", number, "train")
    assert (found, seconds < SECONDS_TO_STOP) == (code, True), (message, seconds)
    assert f"Stopped by {number.name} after step" in one_paragraph(message)
    train_to_end(reference.recipe, tmp_path / "run")
    assert_equal(tmp_path / "run", reference.state)


def test_signal_while_an_evaluation_is_under_way(reference, tmp_path):
    found, message, seconds = stop(reference.recipe, tmp_path / "run", signal.SIGTERM, "evaluating", "--slow-evaluation", 60)
    assert (found, seconds < SECONDS_TO_STOP) == (143, True), (message, seconds)
    newest = checkpoint_folders(tmp_path / "run" / "training")[-1]
    state = json.loads((newest / "state.json").read_text())["progress"]
    assert (state["step"], state["evaluated"]) == (10, -1), "the evaluation that was cut short is done again"
    train_to_end(reference.recipe, tmp_path / "run")
    assert_equal(tmp_path / "run", reference.state)


@pytest.mark.slow
def test_signal_while_the_last_evaluation_is_under_way(reference, tmp_path):
    """The checkpoint of the last step is there already, and has to be replaced by one that knows the evaluation."""
    train_to_end(reference.recipe, tmp_path / "run")
    for path in ("results.json", "README.md", "report.html"):
        (tmp_path / "run" / path).unlink()
    newest = checkpoint_folders(tmp_path / "run" / "training")[-1]
    for file in newest.iterdir():
        file.unlink()
    newest.rmdir()
    found, message, _ = stop(reference.recipe, tmp_path / "run", signal.SIGTERM, "evaluating", "--slow-evaluation", 60)
    assert found == 143, message
    assert f"after step {STEPS}" in one_paragraph(message)
    train_to_end(reference.recipe, tmp_path / "run")
    assert_equal(tmp_path / "run", reference.state)


def test_signal_while_the_run_is_described(reference, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(reference.folder, run)
    for name in ("results.json", "README.md", "report.html"):
        (run / name).unlink()
    found, message, seconds = stop(reference.recipe, run, signal.SIGTERM, "describing", "--slow-description", 60)
    assert (found, seconds < SECONDS_TO_STOP) == (143, True), (message, seconds)
    assert f"Stopped by SIGTERM after step {STEPS}" in one_paragraph(message)
    assert not (run / "results.json").exists()
    train_to_end(reference.recipe, run)
    assert_equal(run, reference.state)


def test_two_trainings_in_one_folder(reference, tmp_path):
    folder = tmp_path / "run"
    with subprocess.Popen(
        command(reference.recipe, folder, "--slow-evaluation", 60), stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
    ) as first:
        assert first.stdout
        for line in first.stdout:
            if json.loads(line)["kind"] == "evaluating":
                break
        second = subprocess.run(command(reference.recipe, folder), capture_output=True, text=True, env=ENVIRONMENT, timeout=60)
        first.kill()
    assert second.returncode == 1
    assert f"{folder} is in use: process {first.pid} trains in it" in one_paragraph(second.stderr)
    assert second.stdout == ""
