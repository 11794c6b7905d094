"""Two processes under torchrun are one training: the same losses as one process with the same batches, killed and resumed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from small_runs import ENVIRONMENT, STEPS, command, train_to_end, write_recipe

from gyebo.runs import Run, RunFolder

LOSS_TOLERANCE = 1e-4  # the same sums in another order, over forty updates


def torchrun(recipe: Path, folder: Path, *faults: object) -> int:
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*launcher, *command(recipe, folder, *faults)[1:]], capture_output=True, text=True, env=ENVIRONMENT, timeout=300
    )
    return done.returncode


def test_two_processes_equal_one(tmp_path):
    recipe = write_recipe(tmp_path, dropout=0.0)
    train_to_end(recipe, tmp_path / "one")
    assert torchrun(recipe, tmp_path / "two", "--kill-while-writing", 4) != 0
    assert torchrun(recipe, tmp_path / "two") == 0
    one, two = (RunFolder(tmp_path / name).metrics() for name in ("one", "two"))
    assert [record["step"] for record in one] == [record["step"] for record in two]
    assert two[-1]["step"] == STEPS
    for alone, together in zip(one, two, strict=True):
        assert together["loss"] == pytest.approx(alone["loss"], abs=LOSS_TOLERANCE), alone["step"]
        assert together.get("tokens") == alone.get("tokens")
    texts = ["<fr> 3/4/2009", "2009년 3월 3일"]
    outputs = [[item.output for item in Run(RunFolder(tmp_path / name)).predict(texts)] for name in ("one", "two")]
    assert outputs[0] == outputs[1]
