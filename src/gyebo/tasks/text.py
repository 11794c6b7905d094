"""What may be given to a task on text; checked without torch, so that the command line refuses bad input at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gyebo.data.formats import MAX_LINE_CHARACTERS
from gyebo.errors import UsageError

if TYPE_CHECKING:
    from gyebo.data.vocabulary import Vocabulary
    from gyebo.decoding import DecodingConfig
    from gyebo.layers.limits import Limit

__all__ = ["check_input", "check_longest", "check_tokens", "prediction_notes"]

MAX_NAMED = 5
"""characters or words that a note names one by one"""


def check_input(text: str, where: str) -> str:
    """The text, if it is one that a task can read; where: what it is, for the error message, such as "mine.txt, line 3".

    Raises UsageError where it is empty, longer than MAX_LINE_CHARACTERS, or not text.

    >>> check_input("le 3 mars", "Input 1")
    'le 3 mars'
    """
    if not text.strip():
        raise UsageError(f"{where} is empty. Give one text a line, and remove empty lines.")
    if len(text) > MAX_LINE_CHARACTERS:
        raise UsageError(
            f"{where} has {len(text):,} characters, but at most {MAX_LINE_CHARACTERS:,} are read as one text. Give one sentence a line:"
            " perhaps the line feeds are missing."
        )
    if "\0" in text:
        raise UsageError(f"{where} holds a NUL byte, so it is not text. Check that it is UTF-8, and not UTF-16 or binary.")
    if any("\ud800" <= letter <= "\udfff" for letter in text):  # how Python hands over bytes that are not UTF-8
        raise UsageError(f"{where} is not UTF-8 text: {text[:40]!a}. Convert it to UTF-8.")
    return text


def check_longest(lengths: NDArray[np.int64], limit: Limit | None, split: str, option: str) -> None:
    """Raises UsageError for a split with a text of more tokens than a model can read.

    split: its name; option: what leaves out the longer texts of the training split.

    >>> check_longest(np.array([3, 300]), None, "test", "--translate.max-tokens")
    """
    if limit is not None and len(lengths) and (longest := int(lengths.max())) > limit.tokens:
        mend = f" Or leave such texts out: {option} {limit.tokens}." if split == "training" else ""
        raise UsageError(
            f"The {split} split has a text of {longest:,} tokens, but this model has {limit.tokens:,} positions. Give"
            f" {limit.option} {longest} or more.{mend}"
        )


def check_tokens(num_tokens: int, limit: Limit | None, where: str) -> None:
    """Raises UsageError for a text of more tokens than a model can read; limit: None where it reads any length.

    >>> check_tokens(300, None, "Input 1")
    """
    if limit is not None and num_tokens > limit.tokens:
        raise UsageError(
            f"{where} has {num_tokens:,} tokens, but this model has learned {limit.tokens:,} positions. Give shorter sentences, or train"
            f" with a larger {limit.option}."
        )


def prediction_notes(inputs: Sequence[str], source: Vocabulary, target: Vocabulary, decoding: DecodingConfig) -> list[str]:
    """What a reader of the predictions for these inputs should know, a sentence each: unknown characters, a beam that cannot be filled.

    >>> from gyebo.data.vocabulary import Vocabulary, VocabularyConfig
    >>> from gyebo.decoding import DecodingConfig
    >>> letters = Vocabulary.train(["abc"], VocabularyConfig(unit="character", min_count=1))
    >>> prediction_notes(["cab", "taxi"], letters, letters, DecodingConfig(beam=5))[0].partition(", which")[0]
    "Input 2 has 't', 'x', 'i'"
    >>> prediction_notes(["cab"], letters, letters, DecodingConfig(beam=6))[0].partition(":")[0]
    'A beam of 6 is wider than the 5 tokens that the model may write'
    """
    notes = []
    unknown = {number: pieces for number, text in enumerate(inputs, 1) if (pieces := source.unknown(text))}
    if unknown:
        first, pieces = next(iter(unknown.items()))
        named = ", ".join(map(repr, pieces[:MAX_NAMED])) + (
            f" and {len(pieces) - MAX_NAMED:,} more" if len(pieces) > MAX_NAMED else ""
        )
        others = f" (more inputs have such: {len(unknown) - 1:,})" if len(unknown) > 1 else ""
        notes.append(
            f"Input {first} has {named}{others}, which the training texts did not have, or too seldom: the model reads <unk> there, and"
            " what it makes of it is a guess."
        )
    writable = len(target) - len(decoding.forbidden)
    if decoding.beam > writable and not decoding.sampling.samples:
        notes.append(
            f"A beam of {decoding.beam} is wider than the {writable} tokens that the model may write: its first step cannot fill it, and"
            " a beam of 5 finds nearly always the same, sooner."
        )
    return notes
