"""What a metric is called and how its value reads, wherever a person meets it: lists, pages, cards, reports.  Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["cell_text", "metric_name", "metric_phrase", "metric_text", "table_columns"]

PERCENT = {
    "accuracy",
    "exact_match",
    "top_5_accuracy",
    "macro_f1",
    "calibration_error",
    "precision",
    "recall",
    "f1",
    "error",
    "gap",
    "share",
    "pixel_accuracy",
    "dice",
    "iou",
    "mean_dice",
    "mean_iou",
    "probability",
    "probability_of_label",
}
_NOT_WORDS = {"bleu": "BLEU", "chrf": "chrF", "f1": "F1", "dice": "Dice", "iou": "IoU"}
_KINDS = (str, int, float)  # the columns of a table: names, counts, scores


def metric_name(name: str) -> str:
    """A field such as a metric's as a person writes it.

    >>> metric_name("exact_match"), metric_name("bleu_by_source_length")
    ('exact match', 'BLEU by source length')
    """
    return " ".join(_NOT_WORDS.get(word, word) for word in name.split("_"))


def metric_text(name: str, value: float) -> str:
    """A metric as a person reads it.

    >>> metric_text("exact_match", 0.9941), metric_text("bleu", 31.4159), metric_text("loss", 1.23456)
    ('99.41 %', '31.42', '1.2346')
    """
    if name in PERCENT:
        return f"{100 * value:.2f} %"
    return f"{value:.4f}" if name == "loss" else f"{value:.2f}"


def cell_text(column: str, value: Any) -> str:
    """A cell of a table as a person reads it.

    >>> cell_text("recall", 0.5), cell_text("images", 1200), cell_text("label", "a cat"), cell_text("error", None)
    ('50.00 %', '1,200', 'a cat', '–')
    """
    if value is None:
        return "–"
    return metric_text(column, value) if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def table_columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The columns of a table, names before counts before scores; None is a number that is missing there.

    >>> table_columns([{"bleu": 1.5, "length": "1-3", "sentences": 4}])
    ['length', 'sentences', 'bleu']
    """

    def kind(column: str) -> int:
        return max((_KINDS.index(type(row[column])) for row in rows if row[column] is not None), default=2)

    return sorted(rows[0], key=lambda column: (kind(column), column))


def metric_phrase(name: str, value: float) -> str:
    """A metric with its value, in the midst of a text.

    >>> metric_phrase("exact_match", 1), metric_phrase("bleu", 15.07)
    ('exact match 100.00 %', 'BLEU 15.07')
    """
    return f"{metric_name(name)} {metric_text(name, value)}"
