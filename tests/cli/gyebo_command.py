"""What the tests of the command line share: a tiny training, and what a command said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

DATES = [
    f"{day}.{month}.20{year:02}\t20{year:02}-{month:02}-{day:02}"
    for year in (1, 7)
    for month in range(1, 13)
    for day in range(1, 9)
]
TINY = (
    *("--steps", "4", "--evaluation.every", "2", "--log-every", "2", "--threads", "1"),
    *("--model.width", "8", "--model.embedding-width", "6", "--model.alignment-width", "7", "--model.readout-width", "5"),
    *("--translate.validation-predictions", "4"),
    *("--translate.decoding.length-margin", "5", "--translate.decoding.length-ratio", "0"),
)


@dataclass(frozen=True)
class Said:
    """What a command returned and printed; words told apart by single spaces, so that tests see no line breaks."""

    code: int
    out: str
    err: str

    @property
    def told(self) -> str:
        return " ".join(self.err.split())


Gyebo = Callable[..., Said]
