"""What a metric is called and how its value reads, wherever a person meets it: lists, pages, cards, reports.  Needs no torch."""

from __future__ import annotations

__all__ = ["metric_name", "metric_phrase", "metric_text"]

PERCENT = {"accuracy", "exact_match"}
_NOT_WORDS = {"bleu": "BLEU", "chrf": "chrF"}


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


def metric_phrase(name: str, value: float) -> str:
    """A metric with its value, in the midst of a text.

    >>> metric_phrase("exact_match", 1), metric_phrase("bleu", 15.07)
    ('exact match 100.00 %', 'BLEU 15.07')
    """
    return f"{metric_name(name)} {metric_text(name, value)}"
