"""Two processes under torchrun are one training: the same losses as one process with the same batches, killed and resumed too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from small_runs import ENVIRONMENT, command, train_to_end, write_recipe

from gyebo.cli import main
from gyebo.runs import Run, RunFolder

STEPS = 50
LOSS_TOLERANCE = 1e-4  # the same sums in another order, over fifty updates
TINY = (
    *("--steps", "4", "--evaluation.every", "2", "--log-every", "1", "--threads", "1", "--device", "cpu"),
    *("--model.width", "8", "--model.embedding-width", "6", "--model.alignment-width", "7", "--model.readout-width", "5"),
    *("--model.dropout", "0", "--batch.tokens", "600", "--translate.validation-predictions", "4"),
    *("--translate.decoding.length-margin", "5", "--translate.decoding.length-ratio", "0"),
)


def torchrun(recipe: Path, folder: Path, *faults: object) -> int:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*launcher, *command(recipe, folder, *faults)[1:]], capture_output=True, text=True, env=ENVIRONMENT, timeout=300
    )
    return done.returncode


def assert_same_losses(one: RunFolder, two: RunFolder) -> None:
    assert [record["step"] for record in one.metrics()] == [record["step"] for record in two.metrics()]
    for alone, together in zip(one.metrics(), two.metrics(), strict=True):
        assert together["loss"] == pytest.approx(alone["loss"], abs=LOSS_TOLERANCE), alone["step"]
        assert together.get("tokens") == alone.get("tokens")


def test_the_command_under_torchrun_trains_as_it_does_alone(tmp_path):
    """`torchrun --nproc-per-node 2 -m gyebo train dates`; --standalone chooses a port that is free."""
    data = tmp_path / "days.tsv"
    days = [(day, month) for month in range(1, 13) for day in range(1, 17)]
    data.write_text("".join(f"{day}.{month}.2001\t2001-{month:02}-{day:02}\n" for day, month in days))
    words = ["train", "dates", "--data", str(data), "--runs-dir", str(tmp_path), *TINY]
    launcher = [str(Path(sys.executable).with_name("torchrun")), "--standalone", "--nproc-per-node", "2", "-m", "gyebo"]
    done = subprocess.run([*launcher, *words, "--name", "two"], capture_output=True, text=True, env=ENVIRONMENT, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("4 steps in") == 1, "only the main process reports"
    assert main([*words, "--name", "one"]) == 0
    assert_same_losses(RunFolder(tmp_path / "one"), RunFolder(tmp_path / "two"))
    assert RunFolder(tmp_path / "two").read(tmp_path / "two" / "environment.json")["processes"] == 2


@pytest.mark.slow
def test_two_processes_equal_one(tmp_path):
    recipe = write_recipe(tmp_path, dropout=0.0, steps=STEPS)
    train_to_end(recipe, tmp_path / "one")
    assert torchrun(recipe, tmp_path / "two", "--kill-while-writing", 4) != 0
    assert torchrun(recipe, tmp_path / "two") == 0
    assert RunFolder(tmp_path / "two").metrics()[-1]["step"] == STEPS
    assert_same_losses(RunFolder(tmp_path / "one"), RunFolder(tmp_path / "two"))
    texts = ["<fr> 3/4/2009", "2009년 3월 3일"]
    outputs = [[item.output for item in Run(RunFolder(tmp_path / name)).predict(texts)] for name in ("one", "two")]
    assert outputs[0] == outputs[1]
