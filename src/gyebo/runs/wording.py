"""What a task calls its examples where a person reads about a run: in the card and in the report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["WORDINGS", "Wording"]


@dataclass(frozen=True, kw_only=True)
class Wording:
    """The words of one task.

    examples: what a split is counted in.  tokens: what a batch is counted in.  samples: the heading over the samples of the test
    split; columns: over their input, output and reference.  input_language: which language of the data the input is in; the output
    is in the target language.  predict: what predicting does to an input.
    """

    examples: str
    tokens: str
    samples: str
    columns: tuple[str, str, str]
    input_language: Literal["source_language", "target_language"]
    predict: str


WORDINGS: Mapping[str, Wording] = {
    "translate": Wording(
        examples="pairs",
        tokens="target tokens",
        samples="Samples from the test split",
        columns=("source", "prediction", "reference"),
        input_language="source_language",
        predict="translates",
    ),
    "language": Wording(
        examples="sentences",
        tokens="tokens",
        samples="Test sentences, continued from their first half",
        columns=("beginning", "continuation", "how it went on"),
        input_language="target_language",
        predict="continues",
    ),
}
"""task -> its words"""
