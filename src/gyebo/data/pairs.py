"""Sentence pairs: two aligned columns of text, cleaned, and split so that no source sentence stands in two splits."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from gyebo.data.text import normalise
from gyebo.errors import UsageError

__all__ = ["Pairs", "clean", "fingerprint", "split_by_source"]

_SPLIT_SEED = b"gyebo split 1"  # changing it moves sentences between the splits of every unsplit corpus


@dataclass(frozen=True)
class Pairs:
    """Sentence pairs: `target[i]` translates `source[i]`.  Raises ValueError where the columns differ in length.

    >>> len(Pairs(("Go.", "Run!"), ("Va !", "Cours !")))
    2
    """

    source: tuple[str, ...] = ()
    target: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.source) != len(self.target):
            raise ValueError(f"{len(self.source)} source texts cannot pair with {len(self.target)} target texts.")

    def __len__(self) -> int:
        return len(self.source)

    def first(self, count: int) -> Pairs:
        """The first `count` pairs, or all where there are fewer."""
        return Pairs(self.source[:count], self.target[:count])


def clean(rows: Iterable[tuple[str, str]]) -> tuple[Pairs, int]:
    """Rows as normalised pairs, and how many were dropped because one side is empty.  Duplicates stay.

    >>> clean([(" Go. ", "Va\\u202f!"), ("Hm.", " ")])
    (Pairs(source=('Go.',), target=('Va !',)), 1)
    """
    total = 0
    source: list[str] = []
    target: list[str] = []
    for left, right in rows:
        total += 1
        left, right = normalise(left), normalise(right)
        if left and right:
            source.append(left)
            target.append(right)
    return Pairs(tuple(source), tuple(target)), total - len(source)


def split_by_source(pairs: Pairs, validation: int, test: int) -> tuple[Pairs, Pairs, Pairs]:
    """Split into (train, validation, test) by distinct source sentence; each split keeps the order of `pairs`.

    Sentences are ranked by a hash of their text alone, and from the top of that ranking whole sentences, with all
    their translations, go to test and then to validation as long as they fit into the counts asked for.  So the
    splits depend neither on the order of the pairs nor on a random generator.  A split may end up smaller than
    asked for where sentences have many translations; where not even one fits, it gets the first one.
    validation, test: pairs to hold out; 0 makes no such split.
    Raises UsageError where that leaves no pair to train on.
    """
    if validation + test >= len(pairs):
        raise UsageError(
            f"Holding out {validation:,} validation and {test:,} test pairs leaves nothing to train on, for there "
            f"are {len(pairs):,} pairs in all. Ask for fewer, or name files for these splits."
        )
    sizes = Counter(pairs.source)
    ranking = sorted(sizes, key=_rank)
    test_sentences = _hold_out(ranking, sizes, test)
    ranking = [sentence for sentence in ranking if sentence not in test_sentences]
    validation_sentences = _hold_out(ranking, sizes, validation)
    if len(ranking) <= len(validation_sentences):
        raise UsageError(
            f"There are only {len(sizes)} distinct source sentences, too few to share among train, validation and "
            "test without repeating one. Add more, or name files for the validation and test splits."
        )
    held_out = test_sentences | validation_sentences
    return (
        _select(pairs, set(sizes) - held_out),
        _select(pairs, validation_sentences),
        _select(pairs, test_sentences),
    )


def _rank(sentence: str) -> bytes:
    return hashlib.blake2b(sentence.encode(), key=_SPLIT_SEED, digest_size=16).digest()


def _hold_out(ranking: list[str], sizes: Counter[str], count: int) -> set[str]:
    chosen: set[str] = set()
    room = count
    for sentence in ranking:
        if room == 0:
            break
        if sizes[sentence] <= room:
            chosen.add(sentence)
            room -= sizes[sentence]
    return chosen or set(ranking[: min(count, 1)])


def _select(pairs: Pairs, sentences: set[str]) -> Pairs:
    rows = [(left, right) for left, right in zip(pairs.source, pairs.target, strict=True) if left in sentences]
    return Pairs(tuple(left for left, _ in rows), tuple(right for _, right in rows))


def fingerprint(splits: Iterable[Pairs]) -> str:
    """The sha256 over the texts of all splits in order: equal fingerprints mean equal data.

    Normalised text holds neither tabs nor line feeds, so these separate texts without ambiguity.
    """
    digest = hashlib.sha256()
    for pairs in splits:
        digest.update(f"{len(pairs)}\n".encode())
        rows = (f"{left}\t{right}\n" for left, right in zip(pairs.source, pairs.target, strict=True))
        digest.update("".join(rows).encode())
    return digest.hexdigest()
