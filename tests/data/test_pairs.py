"""Pairs: cleaning, splitting by source sentence, fingerprints."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gyebo.data.pairs import Pairs, clean, fingerprint, split_by_source
from gyebo.errors import UsageError


def test_columns_of_different_length_are_refused():
    with pytest.raises(ValueError, match="2 source texts cannot pair with 1 target texts"):
        Pairs(("Go.", "Run!"), ("Va !",))


def test_empty_sides_are_dropped_and_duplicates_kept():
    pairs, dropped = clean([("Go.", "Va !"), ("", "Va !"), ("Go.", "\u00a0"), ("", ""), ("Go.", " Va  ! ")])
    assert pairs == Pairs(("Go.", "Go."), ("Va !", "Va !"))
    assert dropped == 3


def as_set(pairs: Pairs) -> set[tuple[str, str]]:
    return set(zip(pairs.source, pairs.target, strict=True))


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5)), min_size=40, max_size=120),
    st.integers(1, 10),
    st.integers(1, 10),
    st.randoms(use_true_random=False),
)
@settings(deadline=None)
def test_splits_share_no_source_lose_no_pair_and_ignore_the_order(
    numbers: list[tuple[int, int]], validation: int, test: int, shuffler: random.Random
):
    rows = [(f"source {left}", f"target {right}") for left, right in numbers]
    rows += [(f"single {number}", "target") for number in range(20)]
    splits = split_by_source(clean(rows)[0], validation, test)
    sources = [set(split.source) for split in splits]
    assert sum(map(len, sources)) == len(set.union(*sources))
    together = [row for split in splits for row in zip(split.source, split.target, strict=True)]
    assert sorted(together) == sorted(rows)
    assert len(splits[1]) == validation  # enough single sentences fill any gap
    assert len(splits[2]) == test
    shuffler.shuffle(rows)
    assert list(map(as_set, split_by_source(clean(rows)[0], validation, test))) == list(map(as_set, splits))


def test_the_split_of_a_sentence_never_changes():
    pairs = Pairs(tuple(f"sentence {number}" for number in range(100)), ("x",) * 100)
    _, validation, test = split_by_source(pairs, 2, 3)
    assert validation.source == ("sentence 2", "sentence 12")
    assert test.source == ("sentence 23", "sentence 76", "sentence 86")


def test_a_sentence_larger_than_the_split_is_taken_only_where_nothing_fits():
    pairs = Pairs(tuple(f"sentence {number % 4}" for number in range(40)), ("x",) * 40)
    train, validation, test = split_by_source(pairs, 1, 1)
    assert (len(train), len(validation), len(test)) == (20, 10, 10)


def test_nothing_held_out_where_nothing_is_asked_for():
    pairs = Pairs(("a", "b"), ("x", "y"))
    assert split_by_source(pairs, 0, 0) == (pairs, Pairs(), Pairs())


def test_too_much_held_out_is_refused():
    pairs = Pairs(tuple("abcd"), tuple("wxyz"))
    with pytest.raises(UsageError, match="2 validation and 2 test pairs leaves nothing to train on, for there are 4"):
        split_by_source(pairs, 2, 2)


def test_too_few_distinct_sentences_are_refused():
    with pytest.raises(UsageError, match="only 2 distinct source sentences"):
        split_by_source(Pairs(("a", "a", "b", "b"), ("w", "x", "y", "z")), 1, 1)


def test_fingerprints_tell_texts_sides_and_splits_apart():
    pair = Pairs(("a",), ("b",))
    variants = [
        [pair, Pairs()],
        [Pairs(), pair],
        [Pairs(("b",), ("a",)), Pairs()],
        [Pairs(("a b",), ("",)), Pairs()],
        [Pairs(("a", "a"), ("b", "b")), Pairs()],
    ]
    assert len({fingerprint(splits) for splits in variants}) == len(variants)
    assert fingerprint([pair]) == fingerprint([Pairs(("a",), ("b",))])
