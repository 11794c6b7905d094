"""What is in a parallel text, as plain JSON values: sizes, lengths, repetitions and scripts of each split and side."""

from __future__ import annotations

import random
import unicodedata
from collections import Counter
from typing import Any

from gyebo.data.pairs import Pairs
from gyebo.data.parallel import ParallelText

__all__ = ["describe", "samples"]


def describe(text: ParallelText) -> dict[str, Any]:
    """Origin and statistics of a parallel text.  Words are what white space separates; shares lie in [0, 1].

    {"name", "source_language", ..., "notes": [...],
     "splits": {"train": {"pairs", "distinct_source_share",
                          "source": {"characters", "words", "distinct_words", "mean_words", "max_words",
                                     "scripts": {"hangul", "latin", "other"}},
                          "target": {...}}, "validation": {...}, "test": {...}}}
    """
    return {
        "name": text.name,
        "source_language": text.source_language,
        "target_language": text.target_language,
        "licence": text.licence,
        "citation": text.citation,
        "url": text.url,
        "fingerprint": text.fingerprint,
        "notes": list(text.notes),
        "splits": {
            "train": _describe_pairs(text.train),
            "validation": _describe_pairs(text.validation),
            "test": _describe_pairs(text.test),
        },
    }


def _describe_pairs(pairs: Pairs) -> dict[str, Any]:
    return {
        "pairs": len(pairs),
        "distinct_source_share": round(len(set(pairs.source)) / max(1, len(pairs)), 4),
        "source": _describe_side(pairs.source),
        "target": _describe_side(pairs.target),
    }


def _describe_side(texts: tuple[str, ...]) -> dict[str, Any]:
    words = [text.split() for text in texts]
    lengths = [len(sentence) for sentence in words]
    return {
        "characters": sum(map(len, texts)),
        "words": sum(lengths),
        "distinct_words": len({word for sentence in words for word in sentence}),
        "mean_words": round(sum(lengths) / max(1, len(lengths)), 2),
        "max_words": max(lengths, default=0),
        "scripts": _script_shares(texts),
    }


def _script_shares(texts: tuple[str, ...]) -> dict[str, float]:
    """The shares of scripts among all letters; marks, digits and punctuation belong to none."""
    letters = {letter: count for letter, count in Counter("".join(texts)).items() if letter.isalpha()}
    total = max(1, sum(letters.values()))
    counts: Counter[str] = Counter()
    for letter, count in letters.items():
        counts[_script(letter)] += count
    return {script: round(counts[script] / total, 4) for script in ("hangul", "latin", "other")}


def _script(letter: str) -> str:
    first_word = unicodedata.name(letter, "").partition(" ")[0]
    return {"HANGUL": "hangul", "LATIN": "latin"}.get(first_word, "other")


def samples(text: ParallelText, count: int, seed: int = 0) -> list[tuple[str, str]]:
    """`count` different training pairs, or all where there are fewer; the same ones for the same seed."""
    train = text.train
    chosen = random.Random(seed).sample(range(len(train)), min(count, len(train)))
    return [(train.source[index], train.target[index]) for index in chosen]
