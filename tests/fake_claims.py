"""Claims that take no time, and faults that are built into them: for the tests of several folders."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import gyebo.claims
from gyebo.claims import catalogue

FAKE_CLAIM = '''"""A claim whose seeds are quick; files beside it say what goes wrong, so that its source text stays the same."""

import os
import signal
import time
from pathlib import Path

import torch

from gyebo.claims.interface import Claim, Clock, Effect, Measurement
from gyebo.views.figure import Figure

HERE = Path(__file__).parent


def measure(seed: int, clock: Clock) -> Measurement:
    with (HERE / "measured.txt").open("a") as file:
        file.write(f"{seed} ")
    clock.say("measuring")
    fault = HERE / f"fault-{seed}"
    gain = 1 + seed / 10
    match fault.read_text() if fault.exists() else "":
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "wait":
            (HERE / "waiting").touch()
            while True:
                clock()
                time.sleep(0.01)
        case "slow":
            time.sleep(0.05)
        case "nan":
            gain = float("nan")
        case "interrupt":
            signal.raise_signal(signal.SIGINT)
            clock()
        case "terminate":
            signal.raise_signal(signal.SIGTERM)
            clock()
    effects = {"gain": gain, "saving": 0.25}
    table = [{"model": name, "loss": 0.1 * seed + number, "draw": torch.rand(1).item()} for number, name in enumerate(("rnn", "lstm"))]
    return Measurement(effects=effects, table=table)


def draw(rows: list[dict]) -> Figure:
    spec = {"data": {"values": [{"x": row["loss"]} for row in rows]}, "mark": "tick", "encoding": {"x": {"field": "x"}}}
    return Figure("fake", "Fake", "Nothing is seen here.", {"rows": rows}, spec)


CLAIM = Claim(
    name="NAME",
    parent="rnn",
    child="lstm",
    statement="The fake child gains.",
    korean="가짜 자식이 더 낫다.",
    source="Nobody 1999, section 1",
    question="Does it gain?",
    outcomes={"holds": "It gains.", "does not hold": "It gains nothing.", "undecided": "Nobody knows."},
    effects=(
        Effect(name="gain", meaning="what is gained, in units", at_least=AT_LEAST, why="less is nothing"),
        Effect(name="saving", meaning="what is saved", at_least=0.25, why="it is exact"),
    ),
    minutes=1,
    measure=measure,
    draw=draw,
)
'''


class FakeClaims:
    """A catalogue of claims in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, name: str = "fake-claim", *, at_least: float = 0.5, note: str = "") -> None:
        """Write a claim's file, or another text of it; the catalogue reads it anew."""
        module = name.replace("-", "_")
        text = FAKE_CLAIM.replace("NAME", name).replace("AT_LEAST", str(at_least))
        (self.folder / f"{module}.py").write_text(f"{text}{note}\n", encoding="utf-8")
        self.read_anew()

    def read_anew(self) -> None:
        for function in (catalogue._files, catalogue.claim_facts, catalogue.fingerprint):
            function.cache_clear()
        for path in self.folder.glob("*.py"):
            sys.modules.pop(f"gyebo.claims.{path.stem}", None)

    def fault(self, seed: int, kind: str) -> None:
        (self.folder / f"fault-{seed}").write_text(kind)

    def mend(self) -> None:
        for path in self.folder.glob("fault-*"):
            path.unlink()

    @property
    def measured(self) -> list[int]:
        """The seeds in the order in which they were begun, by all starts."""
        path = self.folder / "measured.txt"
        return [int(word) for word in path.read_text().split()] if path.exists() else []


@pytest.fixture
def fake_claims(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeClaims]:
    """A catalogue with `fake-claim`, which holds: its gain is 1.1, 1.2 and 1.3 for seeds 1, 2 and 3."""
    folder = tmp_path / "catalogue"
    folder.mkdir()
    monkeypatch.setattr(catalogue, "CLAIMS", folder)
    monkeypatch.setattr(gyebo.claims, "__path__", [*gyebo.claims.__path__, str(folder)])
    monkeypatch.setattr(
        sys, "dont_write_bytecode", True
    )  # a second text of the same second would be read from the cache of the first
    fakes = FakeClaims(folder)
    fakes.add()
    yield fakes
    monkeypatch.undo()
    fakes.read_anew()
