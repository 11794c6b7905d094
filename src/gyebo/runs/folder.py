"""The files of a run folder, and the lock that keeps two trainings out of it.

config.json  model.safetensors  tokenizer-*.json or preprocessing.json  README.md   the model: all that using it needs
recipe.toml  metrics.jsonl  environment.json  results.json  report.html   how it came to be
training/step-000400/{state.safetensors, state.json}                 what resuming needs
"""

from __future__ import annotations

import json
import unicodedata
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gyebo.errors import GyeboError, UsageError, did_you_mean, disk_errors
from gyebo.storage import locked
from gyebo.training.metrics import read_metrics

__all__ = ["RunFolder", "find_run", "folder_name"]

MAX_JSON_BYTES = 256 * 2**20
BEGINNINGS = (
    ".lock",
    "recipe.toml",
    "environment.json",
    "tokenizer*.json",
    "preprocessing.json",
    "metrics.jsonl",
    "training",
    "tensorboard",
    ".*.tmp",
)
"""what stands in the folder of a run that was killed before its config.json was written"""


@dataclass(frozen=True)
class RunFolder:
    """The paths in a run folder, and its JSON files read with care."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def config(self) -> Path:
        return self.path / "config.json"

    @property
    def model(self) -> Path:
        return self.path / "model.safetensors"

    @property
    def recipe(self) -> Path:
        return self.path / "recipe.toml"

    @property
    def results(self) -> Path:
        return self.path / "results.json"

    @property
    def environment(self) -> Path:
        return self.path / "environment.json"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    @property
    def card(self) -> Path:
        return self.path / "README.md"

    @property
    def exists(self) -> bool:
        """Whether a training has begun here: config.json is the last file that its beginning writes."""
        return self.config.is_file()

    def metrics(self) -> list[dict[str, Any]]:
        """The records of metrics.jsonl."""
        return read_metrics(self.path / "metrics.jsonl")

    def read(self, path: Path) -> dict[str, Any]:
        """A JSON file of the run.  Raises GyeboError where it is missing, damaged or not an object."""
        try:
            if path.stat().st_size > MAX_JSON_BYTES:
                raise ValueError(f"{path.stat().st_size:,} bytes are more than such a file can have")
            value = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(value, dict):
                raise ValueError("it holds no JSON object")
        except (OSError, ValueError, RecursionError) as error:
            raise GyeboError(
                f"{path} cannot be read ({error}). The run folder is damaged or not complete: restore the file, or train again"
                " under another --name."
            ) from error
        return value

    def refuse_foreign_files(self) -> None:
        """Raise UsageError where no training has begun and the folder holds files that a training has not left."""
        if self.exists or not self.path.is_dir():
            return
        with disk_errors(self.path, "reading the run folder"):
            foreign = sorted(file.name for file in self.path.iterdir() if not any(map(file.match, BEGINNINGS)))
        if foreign:
            raise UsageError(
                f"The folder {self.path} is not a run, and training in it could overwrite what it holds, such as {foreign[0]!r}."
                " Train under another --name, or in another --runs-dir."
            )

    def lock(self) -> AbstractContextManager[None]:
        """Hold the folder for this process; the lock falls with the process, so a killed one leaves none behind.

        Raises GyeboError, naming the process that trains here, where another one holds it.
        """
        return locked(
            self.path,
            lambda holder: (
                f"The run folder {self.path} is in use: process {holder} trains in it. Wait for it or stop it, or train under another"
                " --name."
            ),
        )


def folder_name(name: str) -> str:
    """The name of a run as that of one folder, in Unicode's composed form.  Raises UsageError where it is a path or empty.

    >>> folder_name("dates-own")
    'dates-own'
    """
    name = unicodedata.normalize("NFC", name)
    if name in ("", ".", "..") or "/" in name or not name.isprintable():
        raise UsageError(
            f"The run's name is {name!r}, but the name of one folder was expected. Give one with --name; another place for all runs is"
            " --runs-dir."
        )
    return name


def find_run(name: str, runs_dir: Path = Path("runs")) -> RunFolder:
    """The run of a path (`runs/dates`) or of a name in the runs folder (`dates`).

    Raises UsageError where there is none, naming the nearest one.
    """
    for path in (Path(name), runs_dir / name):
        if (path / "config.json").is_file():
            return RunFolder(path)
    known = sorted(path.parent.name for path in runs_dir.glob("*/config.json"))
    hint = (
        did_you_mean(Path(name).name, known)
        if known
        else f"The folder {runs_dir} holds no run; train one with `gyebo train dates`."
    )
    raise UsageError(f"There is no run {name!r}. {hint}")
