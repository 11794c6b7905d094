"""Pairs that are generated: random strings, and what is to be written for them.

Symbols are the numbers from FIRST_TOKEN on; every sequence ends with END, as in `gyebo.tasks.translate`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from gyebo.data.batching import TokenSequences
from gyebo.models.interfaces import END, FIRST_TOKEN
from gyebo.tasks.translate import TranslationPairs

__all__ = ["generator", "random_strings", "reversal", "string_pairs"]

String = list[int]


def generator(seed: int, purpose: str) -> np.random.Generator:
    """Draws of their own for each purpose of a claim ("train", "test" ...): another purpose never shifts them.

    >>> bool(generator(1, "train").integers(100) == generator(1, "train").integers(100))
    True
    """
    return np.random.Generator(np.random.PCG64([seed, *purpose.encode()]))


def random_strings(draw: np.random.Generator, count: int, symbols: int, shortest: int, longest: int) -> list[String]:
    """So many strings of symbols drawn uniformly, their lengths too.

    >>> [len(string) for string in random_strings(generator(1, "doctest"), 3, symbols=5, shortest=2, longest=2)]
    [2, 2, 2]
    """
    lengths = draw.integers(shortest, longest + 1, count)
    return [draw.integers(FIRST_TOKEN, FIRST_TOKEN + symbols, length).tolist() for length in lengths]


def string_pairs(sources: Sequence[String], write: Callable[[String], Sequence[int]]) -> TranslationPairs:
    """Each source beside what is to be written for it.

    >>> string_pairs([[4, 5, 6]], lambda string: string[::-1]).target.padded(np.array([0]))[0]
    tensor([[6, 5, 4, 3]])
    """
    return TranslationPairs(
        TokenSequences.of([[*source, END] for source in sources]),
        TokenSequences.of([[*write(source), END] for source in sources]),
    )


def reversal(draw: np.random.Generator, count: int, symbols: int, shortest: int, longest: int) -> TranslationPairs:
    """Random strings, to be written backwards: nothing can be guessed, and each target position needs a source position of its own.

    >>> pairs = reversal(generator(1, "doctest"), 1, symbols=5, shortest=2, longest=2)
    >>> first, last = pairs.source.numbers[:2]
    >>> pairs.target.numbers.tolist() == [last, first, END]
    True
    """
    return string_pairs(random_strings(draw, count, symbols, shortest, longest), lambda string: string[::-1])
