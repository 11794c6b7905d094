"""Progress of long work on standard error: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from gyebo.tasks.metric_wording import metric_phrase

__all__ = ["DownloadProgress", "Show", "TrainingProgress", "clock", "live_lines", "metric_place", "training_progress"]

SECONDS_BETWEEN_LINES = 10.0
METRICS = (
    "loss",
    "perplexity",
    "bits_per_character",
    "accuracy",
    "top_5_accuracy",
    "macro_f1",
    "calibration_error",
    "exact_match",
    "bleu",
    "chrf",
)
NOT_METRICS = {"kind", "step", "epoch", "seconds", "best", "weights", "perplexity"}

Show = Callable[[float, str], None]
"""called with (share done, what to say) as often as something is known"""


class TrainingProgress:
    """A listener of the training loop: keeps what was last heard, and shows it.

    show: called now and then with (share done, text).  say: called with a text that stays, one an evaluation.
    tokens: what the task counts a batch in, such as "images".
    """

    def __init__(self, show: Show, say: Callable[[str], None], tokens: str = "tokens") -> None:
        self.show, self.say, self.tokens = show, say, tokens
        self.heard_anything = False
        self._latest: dict[str, Any] = {}

    def __call__(self, record: dict[str, Any]) -> None:
        self.heard_anything = True
        match record["kind"]:
            case "train":
                self._latest |= {key: record[key] for key in ("step", "epoch", "loss", "tokens_per_second")}
            case "evaluation":
                self.say(evaluation_text(record))
            case "average":
                self.say(f"mean of the weights at the last {record['weights']} evaluations: {evaluation_text(record)}")
            case "progress":
                self._latest |= record
                self.show(record["share_done"], progress_text(self._latest, self.tokens))


def progress_text(latest: Mapping[str, Any], tokens: str = "tokens") -> str:
    """One line about a training under way.

    >>> progress_text({"step": 400, "epoch": 1.5, "loss": 0.51234, "tokens_per_second": 20123.4, "share_done": 0.25, "seconds": 30})
    'step 400, epoch 1.5, loss 0.512, 20,123 tokens/s, 1:30 left'
    """
    parts = [f"step {latest['step']:,}", f"epoch {latest['epoch']:.1f}"]
    if "loss" in latest:
        parts += [f"loss {latest['loss']:.3f}", f"{latest['tokens_per_second']:,.0f} {tokens}/s"]
    share = latest["share_done"]
    if share > 0:
        parts.append(f"{clock(latest['seconds'] * (1 - share) / share)} left")
    return ", ".join(parts)


def evaluation_text(record: Mapping[str, Any]) -> str:
    """One line about an evaluation.

    >>> evaluation_text({"step": 100, "epoch": 1.0, "loss": 0.5, "exact_match": 0.25, "best": True, "seconds": 61.0})
    'step 100, epoch 1.0, after 1:01: validation loss 0.5000, exact match 25.00 % (best so far)'
    """
    best = " (best so far)" if record["best"] else ""
    place = f"step {record['step']:,}, epoch {record['epoch']:.1f}, after {clock(record['seconds'])}"
    return f"{place}: validation {metrics_text(record)}{best}"


def metrics_text(metrics: Mapping[str, Any]) -> str:
    """The metrics of a record in words, perplexity left out: it says what the loss says."""
    names = sorted(metrics.keys() - NOT_METRICS, key=metric_place)
    return ", ".join(metric_phrase(name, metrics[name]) for name in names)


def metric_place(name: str) -> tuple[int, str]:
    """A sorting key: losses first, then the metrics of predictions; unknown ones last, by name."""
    return (METRICS.index(name) if name in METRICS else len(METRICS), name)


def clock(seconds: float) -> str:
    """Seconds as minutes and seconds, or hours too.

    >>> clock(61.4), clock(3675)
    ('1:01', '1:01:15')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@contextmanager
def training_progress(tokens: str = "tokens") -> Iterator[TrainingProgress]:
    """The listener for a training, shown for as long as the block runs; tokens: what its batches are counted in."""
    with live_lines("training") as (show, say):
        yield TrainingProgress(show, say, tokens)


@contextmanager
def live_lines(name: str) -> Iterator[tuple[Show, Callable[[str], None]]]:
    """(show, say) for as long as the block runs: a line that changes and lines that stay; `name` is what begins."""
    if sys.stderr.isatty():
        with _bar(name) as functions:
            yield functions
    else:
        yield _now_and_then(), _say


class DownloadProgress:
    """Called with (bytes there, bytes in all) while a file is downloaded; a line a file begun, one every ten seconds, one at its end."""

    def __init__(self, what: str) -> None:
        self.what, self.heard_anything = what, False
        self._show = _now_and_then()

    def __call__(self, done: int, total: int) -> None:
        text = f"downloading {self.what}: {done / 2**20:,.1f} of {total / 2**20:,.1f} MiB"
        if not self.heard_anything or done == total:
            _say(text)
        else:
            self._show(done / max(1, total), text)
        self.heard_anything = True


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _now_and_then() -> Show:
    last = time.monotonic()

    def show(share: float, text: str) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= SECONDS_BETWEEN_LINES:
            last = now
            _say(text)

    return show


@contextmanager
def _bar(name: str) -> Iterator[tuple[Show, Callable[[str], None]]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
    from rich.text import Text

    console = Console(stderr=True, highlight=False)
    columns = (BarColumn(bar_width=20), TaskProgressColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, transient=True, refresh_per_second=4) as progress:
        task = progress.add_task(f"{name} begins", total=1.0)

        def show(share: float, text: str) -> None:
            progress.update(task, completed=share, description=text)

        yield show, lambda text: progress.console.print(Text(text))
