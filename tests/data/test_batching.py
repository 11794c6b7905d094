"""Batches: every row once, little padding, and an order that only seed and epoch decide."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from gyebo.data.batching import TokenSequences, epoch_batches, in_order
from gyebo.models.interfaces import PADDING

SIDES = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), min_size=0, max_size=60).map(
    lambda rows: [np.array([row[side] for row in rows], np.int64) for side in (0, 1)]
)
TOKENS = st.integers(1, 200)
SEQUENCES = st.lists(st.lists(st.integers(4, 99), max_size=6).map(lambda words: [*words, 3]), min_size=1, max_size=8)


def check(batches, sides, tokens):
    assert sorted(row for rows in batches for row in rows.tolist()) == list(range(len(sides[0])))
    for rows in batches:
        longest = max(side[rows].max() for side in sides)
        assert len(rows) == 1 or len(rows) * longest <= tokens


@given(SIDES, TOKENS, st.integers(0, 2**63 - 1), st.integers(0, 1000))
def test_epoch(sides, tokens, seed, epoch):
    batches = epoch_batches(sides, tokens, seed, epoch)
    check(batches, sides, tokens)
    again = epoch_batches(sides, tokens, seed, epoch)
    assert [rows.tolist() for rows in again] == [rows.tolist() for rows in batches]
    assert len(epoch_batches(sides, tokens, seed, epoch + 1)) == len(batches), "schedules count on equal epochs"


@given(SIDES, TOKENS)
def test_in_order(sides, tokens):
    batches = in_order(sides, tokens)
    check(batches, sides, tokens)
    last = [int(sides[-1][row]) for rows in batches for row in rows]
    assert last == sorted(last)


def test_seed_and_epoch_change_the_order():
    lengths = [np.arange(100) % 7 + 1]
    orders = [[rows.tolist() for rows in epoch_batches(lengths, 20, seed, epoch)] for seed, epoch in [(1, 0), (1, 1), (2, 0)]]
    assert orders[0] != orders[1]
    assert orders[0] != orders[2]
    assert sorted(map(sorted, orders[0])) != sorted(map(sorted, orders[1])), "rows meet other rows in each epoch"


def test_order_is_that_of_every_machine():
    """The order is part of what a checkpoint promises: change it, and runs that were begun cannot be resumed."""
    batches = epoch_batches([np.array([3, 1, 2, 3, 1, 2])], 6, seed=1, epoch=0)
    assert [rows.tolist() for rows in batches] == GOLDEN


GOLDEN = [[4, 1, 2], [5, 0], [3]]


@given(SEQUENCES, st.data())
def test_padded_equals_the_plain_loop(sequences, data):
    rows = np.array(data.draw(st.lists(st.integers(0, len(sequences) - 1), min_size=1, max_size=8)))
    found, lengths = TokenSequences.of(sequences).padded(rows)
    longest = max(len(sequences[row]) for row in rows)
    expected = [sequences[row] + [PADDING] * (longest - len(sequences[row])) for row in rows]
    assert torch.equal(found, torch.tensor(expected))
    assert lengths.tolist() == [len(sequences[row]) for row in rows]


@given(SEQUENCES, st.data())
def test_selected_rows_are_those_of_the_lists(sequences, data):
    rows = data.draw(st.lists(st.integers(0, len(sequences) - 1), max_size=8))
    found = TokenSequences.of(sequences).select(np.array(rows, np.int64))
    same(found, [sequences[row] for row in rows])


@given(SEQUENCES, st.integers(1, 8))
def test_cut_sequences_are_those_of_the_lists(sequences, longest):
    same(TokenSequences.of(sequences).cut(longest), [sequence[:longest] for sequence in sequences])


def same(found, sequences):
    assert len(found) == len(sequences)
    for row, expected in enumerate(sequences):
        numbers, lengths = found.padded(np.array([row]))
        assert (numbers[0].tolist(), lengths.tolist()) == (expected, [len(expected)])
