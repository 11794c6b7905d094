"""The folder of one claim: a file a seed, written whole, so that an interrupted claim goes on with the next seed.

claims/rnn-lstm/
  seed-1.json seed-2.json seed-3.json    what was measured, how long it took, on what, under which source text
  result.json                            effects with intervals, verdict
  figure.svg figure.png
  result-other-seeds.json, figure-other-seeds.svg ...    the last result over seeds that are not the claim's own
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gyebo.storage import locked, write_text

__all__ = ["ClaimFolder", "SeedRecord", "Stamp", "read_json"]

MAX_JSON_BYTES = 64 * 2**20


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """What decides whether numbers speak for a claim as it stands now: its source text, and the gyebo that it was run with."""

    fingerprint: str
    version: str


@dataclass(frozen=True, kw_only=True)
class SeedRecord:
    """What one seed gave, and how it came to be."""

    seed: int
    effects: Mapping[str, float]
    table: list[dict[str, Any]]
    seconds: float
    environment: Mapping[str, Any]
    fingerprint: str
    version: str

    @property
    def stamp(self) -> Stamp:
        return Stamp(fingerprint=self.fingerprint, version=self.version)


@dataclass(frozen=True)
class ClaimFolder:
    """The paths in a claim's folder, and its files read with care."""

    path: Path
    other_seeds: bool = False
    """whether the result is over other seeds than the claim's own: it stands apart, and is no verdict on the claim"""

    @property
    def result(self) -> Path:
        return self.path / f"result{self._apart}.json"

    @property
    def figures(self) -> tuple[Path, Path]:
        return self.path / f"figure{self._apart}.svg", self.path / f"figure{self._apart}.png"

    @property
    def _apart(self) -> str:
        return "-other-seeds" if self.other_seeds else ""

    def seed_file(self, seed: int) -> Path:
        return self.path / f"seed-{seed}.json"

    def read_seed(self, seed: int) -> SeedRecord | None:
        """What is stored of a seed; None where nothing is, or what is there is no record of one."""
        found = read_json(self.seed_file(seed))
        try:
            record = SeedRecord(**found)
            numbers = [record.seconds, *record.effects.values()]
            whole = record.seed == seed and all(map(math.isfinite, numbers)) and all(isinstance(row, dict) for row in record.table)
        except (TypeError, AttributeError):  # other keys, or values of other types
            return None
        return record if whole else None

    def write_seed(self, record: SeedRecord) -> None:
        """Raises DiskError where the disk refuses; the seeds before are untouched."""
        self.write(self.seed_file(record.seed), asdict(record))

    def write(self, path: Path, value: Mapping[str, Any]) -> None:
        """Write JSON whole, keys in their order: a table's columns are read as the claim gave them."""
        write_text(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")

    def lock(self) -> AbstractContextManager[None]:
        """Hold the folder for this process.  Raises GyeboError where another process holds it; see `gyebo.storage.locked`."""
        return locked(
            self.path,
            lambda holder: (
                f"The folder {self.path} is in use: process {holder} runs this claim. Wait for it or stop it, or give another folder with"
                " --output."
            ),
        )


def read_json(path: Path) -> Any:
    """A JSON value; None where the file is missing, too large, or no JSON."""
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            return None
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
