"""What the reliability tests share: a small real recipe, the driver as a subprocess, and what must be equal in two runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from gyebo.data.dates import generate_dates
from gyebo.runs import RunFolder
from gyebo.training.checkpoints import checkpoint_folders

DRIVER = Path(__file__).with_name("driver.py")
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
STEPS = 40
CHECKPOINT_EVERY = 5
CLOCK = {"seconds", "window_seconds", "tokens_per_second", "metrics_bytes", "peak_memory_gib"}
"""what differs between two runs because time passes"""


def write_recipe(folder: Path, *, dropout: float = 0.1, steps: int = STEPS) -> Path:
    """Real dates in three languages, few enough that a training takes seconds: every part of the loop has its turn."""
    for name, pairs in zip(("train", "validation", "test"), generate_dates(train=400, validation=24, test=24), strict=True):
        lines = [f"{source}\t{target}\n" for source, target in zip(pairs.source, pairs.target, strict=True)]
        (folder / f"{name}.tsv").write_text("source\ttarget\n" + "".join(lines), encoding="utf-8")
    recipe = folder / "dates.toml"
    recipe.write_text(
        f"""
        task = "translate"
        architecture = "bahdanau"
        data = ["{folder}/train.tsv"]
        steps = {steps}
        epochs = 0
        threads = 1
        log_every = 7
        checkpoint_every = {CHECKPOINT_EVERY}
        batch = {{ tokens = 1200, accumulate = 2 }}
        evaluation = {{ every = 10, metric = "chrf" }}
        schedule = {{ name = "linear", warmup = 10 }}
        model = {{ embedding_width = 12, width = 24, alignment_width = 10, readout_width = 14, dropout = {dropout} }}
        [translate]
        validation_predictions = 8
        source = {{ unit = "character", min_count = 1 }}
        target = {{ unit = "character", min_count = 1 }}
        pairs = {{ validation_files = ["{folder}/validation.tsv"], test_files = ["{folder}/test.tsv"] }}
        decoding = {{ beam = 2 }}
        """
    )
    return recipe


def command(recipe: Path, folder: Path, *faults: object) -> list[str]:
    return [sys.executable, str(DRIVER), str(recipe), str(folder), *map(str, faults)]


def train(recipe: Path, folder: Path, *faults: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(recipe, folder, *faults), capture_output=True, text=True, env=ENVIRONMENT, timeout=300)


def train_to_end(recipe: Path, folder: Path) -> None:
    done = train(recipe, folder)
    assert done.returncode == 0, done.stderr


def killed(done: subprocess.CompletedProcess[str]) -> bool:
    """Whether the SIGKILL struck; a training that was over before ended well."""
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode != 0


def timeless(value: Any) -> Any:
    """A JSON value without what the clock decides."""
    if isinstance(value, dict):
        return {key: timeless(item) for key, item in value.items() if key not in CLOCK}
    return [timeless(item) for item in value] if isinstance(value, list) else value


def raw(tensors: dict[str, Tensor]) -> dict[str, tuple[str, bytes]]:
    """Tensors as bytes, for which 0.0 and -0.0 differ and NaN equals itself."""
    return {name: (str(tensor.dtype), tensor.numpy().tobytes()) for name, tensor in tensors.items()}


def state_of(path: Path) -> dict[str, Any]:
    """All that a run leaves behind, without the clock: its last checkpoint, best weights, metrics and results."""
    folder = RunFolder(path)
    newest = checkpoint_folders(path / "training")[-1]
    state = json.loads((newest / "state.json").read_text())
    return {
        "checkpoint": newest.name,
        "progress": timeless(state["progress"]),
        "tensors": raw(safetensors.torch.load_file(newest / "state.safetensors")),
        "best": raw(safetensors.torch.load_file(folder.model)),
        "metrics": timeless(folder.metrics()),
        "results": timeless(folder.read(folder.results)),
        "config": folder.read(folder.config),
        "files": sorted(file.name for file in path.iterdir()),
    }


def assert_equal(path: Path, reference: dict[str, Any]) -> None:
    state = state_of(path)
    assert {name for name in reference if state[name] != reference[name]} == set()


def one_paragraph(text: str) -> str:
    """The driver's message, which is all that stands on standard error."""
    lines = text.strip().splitlines()
    assert len(lines) == 1, text
    assert lines[0].startswith("driver: "), text
    return lines[0]
