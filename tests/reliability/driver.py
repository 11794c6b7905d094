"""Trains a recipe as `gyebo train` does, with a fault built in: python driver.py RECIPE.toml FOLDER [--fault ...].

The faults are patched in from outside, so that the package holds no code for them. Every metrics record goes to standard output.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from gyebo import pipeline
from gyebo.errors import GyeboError
from gyebo.models.attention.bahdanau import Bahdanau
from gyebo.recipes import read_recipe
from gyebo.tasks.translate import Translate, TranslationProblem
from gyebo.training import loop
from gyebo.training.loop import Trainer


def say(record: dict[str, Any]) -> None:
    print(json.dumps(record), flush=True)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def kill_at(names: tuple[str, ...], call: int, counts: Callable[[], bool] = lambda: True) -> None:
    """SIGKILL at the n-th call of these functions of `os`, before it does its work; counts: whether a call counts now."""
    calls = 0

    def patched(function: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*arguments: Any, **options: Any) -> Any:
            nonlocal calls
            calls += counts()
            if calls == call and counts():
                die()
            return function(*arguments, **options)

        return counting

    for name in names:
        setattr(os, name, patched(getattr(os, name)))


def kill_in_save(call: int) -> None:
    """SIGKILL at the n-th thing that the saves of checkpoints ask of the disk: five a save, the fourth gives it its name."""
    whole, saving = loop.write_checkpoint, False

    def write(*arguments: Any) -> Any:
        nonlocal saving
        saving = True
        try:
            return whole(*arguments)
        finally:
            saving = False

    loop.write_checkpoint = write
    kill_at(("fsync", "rename"), call, lambda: saving)


def kill_at_batch(batch: int) -> None:
    """SIGKILL at the n-th batch that this start computes."""
    forward, batches = Trainer._forward, 0

    def counting(self: Trainer, *arguments: Any) -> torch.Tensor:
        nonlocal batches
        batches += 1
        if batches == batch:
            die()
        return forward(self, *arguments)

    Trainer._forward = counting


def kill_while_writing_tensors(call: int) -> None:
    """SIGKILL when half of the n-th checkpoint's tensors are in their file."""
    from gyebo.training import checkpoints

    whole, calls = checkpoints._write_synced, 0

    def half(path: Path, data: bytes) -> None:
        nonlocal calls
        calls += path.name == "state.safetensors"
        if calls == call:
            path.write_bytes(data[: len(data) // 2])
            die()
        whole(path, data)

    checkpoints._write_synced = half


def slow_evaluation(seconds: float) -> None:
    """Make every evaluation last so long; it goes on asking whether to stop."""
    validate = TranslationProblem.validate

    def slowly(self: TranslationProblem, model: Any, device: str, interrupt: Callable[[], None]) -> dict[str, float]:
        say({"kind": "evaluating"})
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            interrupt()
            time.sleep(0.05)
        return validate(self, model, device, interrupt)

    TranslationProblem.validate = slowly


def slow_description(seconds: float) -> None:
    """Make each of the evaluations that describe a finished run last so long; they go on asking whether to stop."""
    evaluate = Translate.evaluate

    def slowly(self: Translate, model: Any, data: Any, split: str, device: str, interrupt: Callable[[], None]) -> Any:
        say({"kind": "describing"})
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            interrupt()
            time.sleep(0.05)
        return evaluate(self, model, data, split, device, interrupt)

    Translate.evaluate = slowly


def nan_at(step: int) -> None:
    """One NaN in the word vectors of a batch, at the n-th update."""
    init, updates = Bahdanau.__init__, 0

    def spoilt(self: Bahdanau, config: Any) -> None:
        init(self, config)
        self.source_embedding.register_forward_hook(spoil)

    def spoil(module: torch.nn.Module, inputs: Any, output: torch.Tensor) -> torch.Tensor | None:
        return output.index_fill(0, torch.tensor([0]), torch.nan) if module.training and updates == step else None

    update = Trainer._update

    def counting(self: Trainer) -> None:
        nonlocal updates
        updates = self.progress.step + 1
        update(self)

    Bahdanau.__init__ = spoilt
    Trainer._update = counting


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("recipe")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kill-at-fsync", type=int)
    parser.add_argument("--kill-in-save", type=int)
    parser.add_argument("--kill-at-batch", type=int)
    parser.add_argument("--kill-while-writing", type=int)
    parser.add_argument("--slow-evaluation", type=float)
    parser.add_argument("--slow-description", type=float)
    parser.add_argument("--nan-at", type=int)
    given = parser.parse_args()
    faults = {
        "kill_at_fsync": lambda call: kill_at(("fsync",), call),
        "kill_in_save": kill_in_save,
        "kill_at_batch": kill_at_batch,
        "kill_while_writing": kill_while_writing_tensors,
        "slow_evaluation": slow_evaluation,
        "slow_description": slow_description,
        "nan_at": nan_at,
    }
    for name, patch in faults.items():
        if (value := getattr(given, name)) is not None:
            patch(value)
    try:
        pipeline.train(read_recipe(given.recipe), given.folder, listeners=(say,))
    except GyeboError as error:
        print(f"driver: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
