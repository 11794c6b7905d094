"""Whatever a search does with its rows, each finds the tokens that it has written."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gyebo.layers.written_tokens import FIRST_CAPACITY, WrittenTokens

LAYERS, WIDTH = 2, 3


def write(cache: WrittenTokens, numbers: list[int]) -> WrittenTokens:
    """A step: row r writes numbers[r] everywhere, in every layer."""
    cache = cache.next()
    cache.written[:, cache.places[:, cache.length - 1]] = np.array(numbers, np.float32)[:, None]
    return cache


def read(cache: WrittenTokens) -> list[list[int]]:
    found = cache.written[:, cache.places[:, : cache.length]]  # (L, rows, T, 2D)
    assert found.shape == (LAYERS, len(cache), cache.length, 2 * WIDTH)
    assert (found == found[:1, :, :, :1]).all()
    return found[0, :, :, 0].astype(int).tolist()


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_rows_that_are_selected_and_written(data):
    sentences, beam = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3))
    cache, histories, number = WrittenTokens.none(sentences, LAYERS, WIDTH).repeat(beam), [[] for _ in range(sentences * beam)], 0
    for _ in range(data.draw(st.integers(1, 2 * FIRST_CAPACITY + 3))):
        fresh = list(range(number, number := number + len(histories)))
        cache = write(cache, fresh)
        histories = [[*history, new] for history, new in zip(histories, fresh, strict=True)]
        assert read(cache) == histories
        rows = data.draw(st.lists(st.integers(0, len(histories) - 1), min_size=1, max_size=sentences * beam))
        cache, histories = cache.select(torch.tensor(rows)), [histories[row] for row in rows]
        assert len(cache) == len(rows)


def test_two_ways_on_from_the_same_step():
    before = write(write(WrittenTokens.none(2, LAYERS, WIDTH), [1, 2]), [3, 4])
    one = write(before, [5, 6])
    other = write(before, [7, 8])
    assert (read(before), read(one), read(other)) == ([[1, 3], [2, 4]], [[1, 3, 5], [2, 4, 6]], [[1, 3, 7], [2, 4, 8]])


def test_more_rows_than_before():
    cache = write(WrittenTokens.none(1, LAYERS, WIDTH), [1]).select(torch.tensor([0, 0, 0]))
    assert read(write(cache, [2, 3, 4])) == [[1, 2], [1, 3], [1, 4]]
