"""How far written texts are from their references: exact match, BLEU and chrF, of a split and by the length of the source."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal, TypeAlias

import numpy as np

__all__ = ["BleuTokenizer", "bleu_by_length", "bleu_tokenizer", "text_metrics"]

BleuTokenizer: TypeAlias = Literal["13a", "char"]
"""sacrebleu's names: words and punctuation as the WMT evaluations cut them, or characters"""


def bleu_tokenizer(references: Sequence[str]) -> BleuTokenizer:
    """How BLEU cuts texts with these references: by characters where more than half of their letters are Hangul, else 13a.

    13a would take a whole Korean word, particles and all, for one token. The references of an evaluation are asked once, so that all
    numbers of it compare; a Korean name in an English text changes nothing.

    >>> bleu_tokenizer(["나는 학교에 간다"]), bleu_tokenizer(["Hangul 한글 is an alphabet"])
    ('char', '13a')
    """
    letters = [letter for reference in references for letter in reference if letter.isalpha()]
    return "char" if sum("가" <= letter <= "힣" for letter in letters) > len(letters) / 2 else "13a"


def text_metrics(
    outputs: Sequence[str], references: Sequence[str], tokenizer: BleuTokenizer, lowercase: bool = False
) -> tuple[dict[str, float], dict[str, str]]:
    """Exact match (share), corpus BLEU (Papineni et al. 2002) and chrF (0-100), and sacrebleu's signatures.

    lowercase: compare in lower case, and say so in the signature.

    >>> text_metrics(["the cat is on the mat"], ["the cat is on the mat"], "13a")[0]
    {'exact_match': 1.0, 'bleu': 100.0..., 'chrf': 100.0}
    """
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    bleu, chrf = BLEU(tokenize=tokenizer, lowercase=lowercase), CHRF(lowercase=lowercase)
    metrics = {
        "exact_match": sum(map(str.__eq__, outputs, references)) / len(references),
        "bleu": bleu.corpus_score(outputs, [references]).score,
        "chrf": chrf.corpus_score(outputs, [references]).score,
    }
    return metrics, {"bleu": str(bleu.get_signature()), "chrf": str(chrf.get_signature())}


def bleu_by_length(
    words: Sequence[int],
    outputs: Sequence[str],
    references: Sequence[str],
    tokenizer: BleuTokenizer,
    lowercase: bool = False,
    groups: int = 4,
) -> list[dict[str, Any]]:
    """Corpus BLEU and chrF of groups of like source length, of about equal size: where a model without attention falls off."""
    bounds = sorted({math.ceil(np.quantile(words, share / groups)) for share in range(groups)} | {max(words) + 1})
    rows = []
    for low, high in pairwise(bounds):
        inside = [index for index, count in enumerate(words) if low <= count < high]
        if inside:
            chosen = [[texts[index] for index in inside] for texts in (outputs, references)]
            metrics, _ = text_metrics(chosen[0], chosen[1], tokenizer, lowercase)
            rows.append(
                {
                    "source_words": f"{low}-{high - 1}" if high - 1 > low else str(low),
                    "sentences": len(inside),
                    "bleu": metrics["bleu"],
                    "chrf": metrics["chrf"],
                }
            )
    return rows
