"""What a task calls its examples where a person reads about a run: in the card, in the report and on the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["WORDINGS", "Wording"]


@dataclass(frozen=True, kw_only=True)
class Wording:
    """The words of one task.

    examples: what a split is counted in.  tokens: what a batch is counted in.  samples: the heading over the samples of the test
    split; columns: over their input, output and reference.  predict: what predicting does to an input.  own_data: a user's own data,
    as a command names them.  limits: what it has not learned.
    """

    examples: str
    tokens: str
    samples: str
    columns: tuple[str, str, str]
    predict: str
    own_data: str
    limits: str
    input_language: Literal["source_language", "target_language"] | None = None
    """which language of the data the input is in"""
    output_language: Literal["target_language"] | None = None
    input_name: str | None = None
    """what stands for an input in an example of use, where that of a sample would not do"""
    one_answer: bool = False
    """whether every output but the reference is wrong: a text may be right in other words"""
    card_tables: tuple[str, ...] = ()
    """the tables of the test split that the card shows"""


TEXT_LIMITS = "other words, longer sentences and other domains are guesses"

WORDINGS: Mapping[str, Wording] = {
    "translate": Wording(
        examples="pairs",
        tokens="target tokens",
        samples="Samples from the test split",
        columns=("source", "prediction", "reference"),
        predict="translates",
        own_data="FILE.tsv",
        limits=TEXT_LIMITS,
        input_language="source_language",
        output_language="target_language",
    ),
    "language": Wording(
        examples="sentences",
        tokens="tokens",
        samples="Test sentences, continued from their first half",
        columns=("beginning", "continuation", "how it went on"),
        predict="continues",
        own_data="FILE.txt",
        limits=TEXT_LIMITS,
        input_language="target_language",
        output_language="target_language",
    ),
    "classify": Wording(
        examples="images",
        tokens="images",
        samples="Samples from the test split",
        columns=("image", "prediction", "label"),
        predict="names the class of",
        own_data="FOLDER",
        limits="other classes, other cameras and other ways to crop an image are guesses",
        input_name="image.png",
        one_answer=True,
        card_tables=("bias_and_variance", "most_confused", "worst_mistakes", "likely_wrong_labels"),
    ),
    "segment": Wording(
        examples="images",
        tokens="crops",
        samples="Samples from the test split",
        columns=("image", "prediction", "truth"),
        predict="segments",
        own_data="FOLDER",
        limits="other classes, other microscopes or cameras and other scales are guesses",
        input_name="image.png",
        card_tables=("classes", "worst_images"),
    ),
}
"""task -> its words"""
