"""The engine on claims that take no time: what is kept, what is measured again, and what no verdict comes from."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

import gyebo
from gyebo.claims import catalogue, engine
from gyebo.claims.engine import ClaimResult, Listener, OverBudget, Stopped, run_claim
from gyebo.claims.store import ClaimFolder
from gyebo.errors import DiskError, GyeboError, UsageError

FAST = {**os.environ, "OMP_NUM_THREADS": "1"}
ALONE = """
import sys
from pathlib import Path
import gyebo.claims
from gyebo.claims import catalogue
catalogue.CLAIMS = Path(sys.argv[1])
gyebo.claims.__path__.append(sys.argv[1])
sys.dont_write_bytecode = True
from gyebo.cli import main
sys.exit(main(sys.argv[2:]))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "claims" / "fake-claim"


def run(folder: Path, **options: Any) -> ClaimResult:
    return run_claim(catalogue.claim("fake-claim"), folder, **options)


def told(folder: Path, **options: Any) -> list[str]:
    """The lines that stay."""
    lines: list[str] = []
    run(folder, listener=Listener(say=lines.append), **options)
    return lines


def test_a_claim_that_holds(fake_claims, folder):
    result = run(folder)
    assert (result.verdict, result.seeds) == ("holds", (1, 2, 3))
    gain, saving = result.effects
    assert (gain.name, gain.values, gain.verdict) == ("gain", (1.1, 1.2, 1.3), "holds")
    assert gain.low == pytest.approx(0.951586, abs=1e-6)
    assert (saving.low, saving.mean, saving.high, saving.verdict) == (0.25, 0.25, 0.25, "holds")
    assert [row["seed"] for row in result.table] == [1, 1, 2, 2, 3, 3]
    stored = json.loads((folder / "result.json").read_text())
    assert stored["verdict"] == "holds"
    assert stored["environment"]["threads"] == 1
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [".lock", "figure.png", "figure.svg", "result.json", "seed-1.json", "seed-2.json", "seed-3.json"]
    )


@pytest.mark.parametrize(("at_least", "verdict"), [(1.6, "does not hold"), (1.2, "undecided")])
def test_claims_that_do_not(fake_claims, folder, at_least, verdict):
    fake_claims.add(at_least=at_least)
    assert run(folder).verdict == verdict


def test_a_finished_claim_is_left_as_it_is(fake_claims, folder):
    first = run(folder)
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir() if path.name != ".lock"}
    assert run(folder) == first
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir() if path.name != ".lock"} == before
    assert fake_claims.measured == [1, 2, 3]


def test_a_missing_figure_is_drawn_again(fake_claims, folder):
    run(folder)
    (folder / "figure.png").unlink()
    run(folder)
    assert (folder / "figure.png").read_bytes()[1:4] == b"PNG"
    assert fake_claims.measured == [1, 2, 3]


@pytest.mark.parametrize("count", [1, 2])
def test_fewer_than_three_seeds_give_no_verdict(fake_claims, folder, count):
    result = run(folder, seeds=range(1, count + 1))
    assert (result.verdict, result.effects) == (None, ())
    assert json.loads(result.file.read_text())["verdict"] is None


def test_other_seeds_stand_apart(fake_claims, folder):
    own = run(folder)
    before = {path.name: path.read_bytes() for path in (own.file, *own.figures)}
    result = run(folder, seeds=[3, 4, 5, 6])
    assert result.effects[0].values == pytest.approx((1.3, 1.4, 1.5, 1.6))
    assert fake_claims.measured == [1, 2, 3, 4, 5, 6]
    assert json.loads(result.file.read_text())["seeds"] == [3, 4, 5, 6]
    assert all(path.exists() for path in result.figures)
    assert {name: (folder / name).read_bytes() for name in before} == before


@pytest.mark.parametrize("seeds", [(), (1, 1, 2), (-1, 1, 2), (1, 2, 2**63)])
def test_seeds_that_cannot_be(fake_claims, folder, seeds):
    with pytest.raises(UsageError, match="different whole numbers from 0 on were expected"):
        run(folder, seeds=seeds)
    assert not folder.exists()


@pytest.mark.parametrize("minutes", [0, -1, float("nan"), float("inf")])
def test_budgets_that_cannot_be(fake_claims, folder, minutes):
    with pytest.raises(UsageError, match="a budget above 0 was expected"):
        run(folder, minutes=minutes)


@pytest.mark.parametrize(("fault", "code", "name"), [("interrupt", 130, "SIGINT"), ("terminate", 143, "SIGTERM")])
def test_a_signal_keeps_the_seeds_that_are_done(fake_claims, folder, fault, code, name):
    fake_claims.fault(2, fault)
    with pytest.raises(Stopped, match=rf"Stopped by {name} while the claim fake-claim measured seed 2: Kept: seed 1\.") as stopped:
        run(folder)
    assert stopped.value.exit_code == code
    assert not (folder / "result.json").exists()
    fake_claims.mend()
    assert run(folder).verdict == "holds"
    assert fake_claims.measured == [1, 2, 2, 3]


def test_a_signal_after_the_last_seed_is_heard(fake_claims, folder, monkeypatch):
    def judge_and_interrupt(*arguments: Any) -> ClaimResult:
        signal.raise_signal(signal.SIGTERM)
        return judged(*arguments)

    judged = engine._judge
    monkeypatch.setattr(engine, "_judge", judge_and_interrupt)
    with pytest.raises(
        Stopped, match=r"Stopped by SIGTERM when the claim fake-claim was measured: its result is written"
    ) as stopped:
        run(folder)
    assert stopped.value.exit_code == 143
    assert json.loads((folder / "result.json").read_text())["verdict"] == "holds"


def test_a_signal_before_the_first_seed_is_done(fake_claims, folder):
    fake_claims.fault(1, "interrupt")
    with pytest.raises(Stopped, match=r"No seed is finished yet\. The same command goes on with seed 1\."):
        run(folder)


def test_a_training_inside_of_a_claim_hears_the_signal_first(fake_claims, folder, monkeypatch):
    from gyebo.training.signals import Interrupted

    def interrupted(seed: int, clock: object) -> None:
        raise Interrupted(signal.SIGTERM, 10)

    claim = catalogue.claim("fake-claim")
    monkeypatch.setitem(claim.__dict__, "measure", interrupted)
    with pytest.raises(Stopped, match="Stopped by SIGTERM while the claim fake-claim measured seed 1") as stopped:
        run_claim(claim, folder)
    assert stopped.value.exit_code == 143


def test_over_the_budget(fake_claims, folder):
    fake_claims.fault(2, "wait")
    with pytest.raises(OverBudget) as over:
        run(folder, minutes=0.005)
    message = str(over.value)
    assert "has used up its budget of 0.005 minutes while it measured seed 2. Kept: seed 1." in message
    assert "There is no verdict before all seeds are measured." in message
    assert "goes on with seed 2 and a budget of its own; --minutes 0.01 gives it more" in message
    assert over.value.exit_code == 1
    assert not (folder / "result.json").exists()
    fake_claims.mend()
    result = run(folder, minutes=1)
    assert fake_claims.measured == [1, 2, 2, 3]
    assert result.seconds == pytest.approx(sum(ClaimFolder(folder).read_seed(seed).seconds for seed in (1, 2, 3)), abs=0.01)


def test_a_budget_that_is_too_small_for_a_single_seed(fake_claims, folder):
    fake_claims.fault(1, "wait")
    with pytest.raises(OverBudget, match=r"the same command would stop here again: give it more with --minutes 0\.002"):
        run(folder, minutes=0.001)


def test_a_seed_that_ends_late_is_kept(fake_claims, folder):
    """A claim that does not ask the clock often enough overdraws, but what it measured is measured."""
    fake_claims.fault(1, "slow")
    with pytest.raises(OverBudget, match=r"measured seed 2\. Kept: seed 1\."):
        run(folder, minutes=0.0001)


def test_another_text_of_the_claim_is_measured_anew(fake_claims, folder):
    run(folder)
    fake_claims.add(note="# another experiment")
    lines = told(folder)
    assert "seed 1 (1 of 3): it was measured under another text of this claim, so it is measured again" in lines
    assert fake_claims.measured == [1, 2, 3, 1, 2, 3]


def test_another_gyebo_measures_anew(fake_claims, folder, monkeypatch):
    run(folder)
    monkeypatch.setattr(gyebo, "__version__", "9.9.9")
    assert "seed 3 (3 of 3): it was measured by gyebo 0.1.0, so it is measured again" in told(folder)


@pytest.mark.parametrize("damage", ["", "{}", "[]", "null", '{"seed": 1', "\x00\xff", '{"effects": {"gain": "much"}}'])
def test_a_damaged_seed_is_measured_again(fake_claims, folder, damage):
    run(folder)
    (folder / "seed-2.json").write_text(damage)
    lines = told(folder)
    assert "seed 1 (1 of 3): measured before, in 0 s" in lines
    assert "seed 2 (2 of 3): what is stored of it cannot be read, so it is measured again" in lines
    assert fake_claims.measured == [1, 2, 3, 2]


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"effects": {"gain": float("nan"), "saving": 1}}, {"table": ["row"]}, {"seconds": "x"}]
)
def test_a_record_that_says_something_else_is_measured_again(fake_claims, folder, change):
    run(folder)
    path = folder / "seed-2.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    run(folder)
    assert fake_claims.measured == [1, 2, 3, 2]


def test_an_effect_that_is_not_finite(fake_claims, folder):
    fake_claims.fault(2, "nan")
    with pytest.raises(
        GyeboError, match="The effect 'gain' of the claim fake-claim is nan for seed 2, but a finite number was expected"
    ):
        run(folder)
    assert sorted(path.name for path in folder.glob("*.json")) == ["seed-1.json"]


@pytest.mark.parametrize(
    ("measured", "message"),
    [
        ({"effects": {"gain": 1.0}, "table": []}, "gave the effects gain, but gain, saving were expected"),
        ({"effects": {}, "table": []}, "gave the effects none"),
        ({"effects": {"gain": 1, "saving": float("inf")}, "table": []}, "The effect 'saving' .* is inf"),
        ({"effects": {"gain": 1, "saving": 1}, "table": [{"loss": float("nan")}]}, "holds for seed 1 what JSON cannot write"),
        ({"effects": {"gain": 1, "saving": 1}, "table": [{"loss": torch.ones(1)}]}, "Give plain numbers, texts and lists"),
    ],
)
def test_measurements_that_are_refused(fake_claims, folder, monkeypatch, measured, message):
    from gyebo.claims.interface import Measurement

    claim = catalogue.claim("fake-claim")
    monkeypatch.setitem(claim.__dict__, "measure", lambda seed, clock: Measurement(**measured))
    with pytest.raises(GyeboError, match=message):
        run_claim(claim, folder)
    assert [path.name for path in folder.iterdir()] == [".lock"]


def test_a_seed_decides_the_draws_and_leaves_those_of_others_alone(fake_claims, folder, tmp_path):
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    threads = torch.get_num_threads()
    first, second = run(folder), run(tmp_path / "again")
    assert [row["draw"] for row in first.table] == [row["draw"] for row in second.table]
    assert len({row["draw"] for row in first.table}) == 6
    assert torch.equal(torch.rand(1), expected)
    assert torch.get_num_threads() == threads


def test_a_full_disk_keeps_what_is_written(fake_claims, folder, monkeypatch):
    fsync, calls = os.fsync, 0

    def full(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls > 3:  # the file and the folder of the first seed, then the file of the second
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(descriptor)

    fake_claims.fault(2, "")
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(DiskError, match="the disk is full: free some space"):
            run(folder)
    assert sorted(path.name for path in folder.iterdir() if path.name != ".lock") in (
        ["seed-1.json"],
        ["seed-1.json", "seed-2.json"],
    )
    assert run(folder).verdict == "holds"


def test_a_place_where_no_folder_can_be(fake_claims, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match="While opening the folder"):
        run(tmp_path / "file" / "fake-claim")
    assert fake_claims.measured == []


def test_two_in_one_folder(fake_claims, folder):
    with ClaimFolder(folder).lock(), pytest.raises(GyeboError, match=r"is in use: process \d+ runs this claim"):
        run(folder)


def test_leftovers_of_a_killed_writer_go(fake_claims, folder):
    folder.mkdir(parents=True)
    (folder / ".seed-1.json.123.tmp").write_text("half")
    run(folder)
    assert not list(folder.glob(".*.tmp"))


def test_progress_names_place_and_share(fake_claims, folder):
    shown: list[tuple[float, str]] = []
    run(folder, listener=Listener(show=lambda share, text: shown.append((share, text))))
    assert [text for _, text in shown] == [f"seed {seed} ({seed} of 3): measuring" for seed in (1, 2, 3)]
    assert all(0 <= share <= 1 for share, _ in shown)


def command(fake_claims: Any, folder: Path) -> list[str]:
    return [sys.executable, "-c", ALONE, str(fake_claims.folder), "claim", "fake-claim", "--output", str(folder.parent), "--json"]


def test_killed_in_a_seed(fake_claims, folder):
    fake_claims.fault(2, "kill")
    killed = subprocess.run(command(fake_claims, folder), capture_output=True, text=True, env=FAST, timeout=120)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert sorted(path.name for path in folder.glob("*.json")) == ["seed-1.json"]
    fake_claims.mend()
    assert run(folder).verdict == "holds"
    assert fake_claims.measured == [1, 2, 2, 3]


def test_terminated_from_outside(fake_claims, folder):
    fake_claims.fault(3, "wait")
    with subprocess.Popen(
        command(fake_claims, folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=FAST
    ) as process:
        until = time.monotonic() + 120
        while not (fake_claims.folder / "waiting").exists() and time.monotonic() < until:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (143, ""), err
    assert "Kept: seeds 1, 2." in " ".join(err.split())
    fake_claims.mend()
    assert run(folder).verdict == "holds"
    assert fake_claims.measured == [1, 2, 3, 3]


def test_fewest_seeds_is_what_the_claims_promise():
    assert engine.FEWEST_SEEDS == 3
