"""Progress: what a training says while it runs, on a terminal and elsewhere."""

from __future__ import annotations

import io

import pytest

from gyebo.cli import progress
from gyebo.cli.progress import DownloadProgress, TrainingProgress, training_progress

TRAIN = {"kind": "train", "step": 50, "epoch": 0.5, "loss": 2.0, "rate": 0.1, "tokens_per_second": 1000.0, "seconds": 10.0}
PROGRESS = {"kind": "progress", "step": 60, "epoch": 0.6, "share_done": 0.5, "seconds": 30.0}
EVALUATION = {"kind": "evaluation", "step": 100, "epoch": 1.0, "loss": 1.5, "bleu": 3.0, "best": False, "seconds": 61.0}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_latest_loss_and_speed_stay_in_sight():
    shown: list[tuple[float, str]] = []
    said: list[str] = []
    listener = TrainingProgress(lambda share, text: shown.append((share, text)), said.append)
    assert not listener.heard_anything
    for record in (PROGRESS, TRAIN, PROGRESS, EVALUATION):
        listener(record)
    assert shown == [
        (0.5, "step 60, epoch 0.6, 0:30 left"),
        (0.5, "step 60, epoch 0.6, loss 2.000, 1,000 tokens/s, 0:30 left"),
    ]
    assert said == ["step 100, epoch 1.0, after 1:01: validation loss 1.5000, BLEU 3.00"]
    assert listener.heard_anything


def test_speed_is_told_in_what_a_batch_is_counted_in():
    shown: list[str] = []
    listener = TrainingProgress(lambda share, text: shown.append(text), print, tokens="images")
    listener(TRAIN)
    listener(PROGRESS)
    assert shown == ["step 60, epoch 0.6, loss 2.000, 1,000 images/s, 0:30 left"]


def test_without_a_limit_in_sight_no_time_is_promised():
    assert "left" not in progress.progress_text(PROGRESS | {"share_done": 0.0})


def test_elsewhere_than_on_a_terminal_a_line_comes_every_ten_seconds(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    now = 0.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    with training_progress() as listener:
        for now in (0.5, 9.0, 10.5, 11.0, 21.0):  # noqa: B007  the clock reads it
            listener(PROGRESS)
        listener(EVALUATION)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == ["step 60, epoch 0.6, 0:30 left"] * 2 + [progress.evaluation_text(EVALUATION)]


def test_on_a_terminal_the_bar_goes_and_the_evaluations_stay(monkeypatch: pytest.MonkeyPatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("COLUMNS", "120")
    with training_progress() as listener:
        listener(TRAIN)
        listener(PROGRESS)
        listener(EVALUATION)
    assert "validation loss 1.5000" in terminal.getvalue()
    assert "loss 2.000" in terminal.getvalue()


def test_a_download_is_told_at_its_beginning_and_end(capsys: pytest.CaptureFixture[str]):
    heard = DownloadProgress("multi30k")
    for done in (2**20, 2 * 2**20, 4 * 2**20):
        heard(done, 4 * 2**20)
    assert capsys.readouterr().err.splitlines() == [
        "downloading multi30k: 1.0 of 4.0 MiB",
        "downloading multi30k: 4.0 of 4.0 MiB",
    ]
