"""Keys and values kept between steps: whatever a search does with its hypotheses, they read what they would read from scratch."""

from __future__ import annotations

from unittest import mock

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gyebo.layers import cache as cache_module
from gyebo.layers.cache import KeyValueCache
from gyebo.layers.multi_head import MaskedMultiHeadAttention
from gyebo.layers.positions import RotaryPositions

WIDTH, HEADS, NUM_LAYERS = 6, 3, 2
TOLERANCE = 1e-12  # float64: the same sums in another order


def attention_layers(rotation: RotaryPositions | None = None) -> list[MaskedMultiHeadAttention]:
    torch.manual_seed(0)
    return [MaskedMultiHeadAttention(WIDTH, HEADS, rotation).double() for _ in range(NUM_LAYERS)]


LAYERS = attention_layers()


def step(cache: KeyValueCache, tokens: torch.Tensor, layers=LAYERS) -> tuple[torch.Tensor, KeyValueCache]:
    """tokens (rows, D) through every layer -> what each layer reads (rows, layers, D), and the next cache."""
    cache = cache.next()
    with torch.no_grad():
        return torch.stack([layer.step(tokens, number, cache) for number, layer in enumerate(layers)], 1), cache


def from_scratch(histories: list[list[torch.Tensor]], layers=LAYERS) -> torch.Tensor:
    """The same for rows whose tokens are all known: (rows, layers, D)."""
    with torch.no_grad():
        return torch.stack([torch.stack([layer(torch.stack(row)[None])[0, -1] for layer in layers]) for row in histories])


def tokens(rows: int, seed: int) -> torch.Tensor:
    return torch.randn(rows, WIDTH, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def near(actual: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(actual, expected, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("rotation", [None, RotaryPositions()], ids=["plain", "turned"])
def test_steps_are_the_full_pass(rotation):
    """Also across the places where the buffers double."""
    layers, rows, time = attention_layers(rotation), 3, 2 * cache_module.FIRST_CAPACITY + 3
    sequence = torch.stack([tokens(rows, seed) for seed in range(time)], 1)  # (rows, T, D)
    cache, found = KeyValueCache.empty(NUM_LAYERS, rows), []
    for position in range(time):
        read, cache = step(cache, sequence[:, position], layers)
        found.append(read)
        assert cache.length == position + 1
        assert len(cache) == rows
    with torch.no_grad():
        expected = torch.stack([layer(sequence) for layer in layers], 2)
    near(torch.stack(found, 1), expected)


@st.composite
def searches(draw) -> tuple[int, int, list[list[int]]]:
    """Sentences, beam, and for each step the rows that go on: any hypotheses of any sentences, some of them more than once."""
    sentences, beam = draw(st.integers(1, 3)), draw(st.integers(2, 4))
    moves, alive = [], sentences
    for _ in range(draw(st.integers(1, 12))):
        staying = draw(st.lists(st.integers(0, alive - 1), min_size=1, max_size=3))
        moves.append([sentence * beam + draw(st.integers(0, beam - 1)) for sentence in staying for _hypothesis in range(beam)])
        alive = len(staying)
    return sentences, beam, moves


@settings(deadline=None, max_examples=30)
@given(searches())
def test_a_beam_reads_what_it_would_read_from_scratch(search):
    """Whichever hypotheses are dropped, doubled and exchanged, and whichever sentences leave."""
    sentences, beam, moves = search
    with mock.patch.object(cache_module, "FIRST_CAPACITY", 2):  # so that buffers are full after a few steps
        cache = KeyValueCache.empty(NUM_LAYERS, sentences).repeat(beam)
        histories: list[list[torch.Tensor]] = [[] for _ in range(sentences * beam)]
        for seed, rows in enumerate(moves):
            newest = tokens(len(histories), seed)
            read, cache = step(cache, newest)
            histories = [[*row, token] for row, token in zip(histories, newest, strict=True)]
            near(read, from_scratch(histories))
            cache = cache.select(torch.tensor(rows))
            histories = [histories[row] for row in rows]
            assert len(cache) == len(histories)
        near(
            step(cache, tokens(len(histories), 99))[0],
            from_scratch([[*row, tokens(len(histories), 99)[index]] for index, row in enumerate(histories)]),
        )


@settings(deadline=None, max_examples=30)
@given(st.lists(st.lists(st.integers(0, 99), min_size=1, max_size=4), min_size=1, max_size=8))
def test_a_beam_of_one_may_take_any_rows(moves):
    """Greedy search and the contract drop, repeat and reorder whole sentences."""
    cache, histories = KeyValueCache.empty(NUM_LAYERS, 3), [[] for _ in range(3)]
    for seed, move in enumerate(moves):
        newest = tokens(len(histories), seed)
        read, cache = step(cache, newest)
        histories = [[*row, token] for row, token in zip(histories, newest, strict=True)]
        near(read, from_scratch(histories))
        rows = [row % len(histories) for row in move]
        cache, histories = cache.select(torch.tensor(rows)), [histories[row] for row in rows]
        assert len(cache) == len(rows)


@pytest.mark.parametrize("beam", [1, 3])
@pytest.mark.parametrize("length", [1, 5, cache_module.FIRST_CAPACITY])
def test_two_continuations_from_one_state_do_not_disturb_each_other(beam, length):
    rows = 2 * beam
    cache = KeyValueCache.empty(NUM_LAYERS, 2).repeat(beam)
    histories: list[list[torch.Tensor]] = [[] for _ in range(rows)]
    for seed in range(length):
        _, cache = step(cache, tokens(rows, seed))
        histories = [[*row, token] for row, token in zip(histories, tokens(rows, seed), strict=True)]
    ways = dict.fromkeys((100, 200, 300), (cache, histories))
    for turn in range(4):
        for seed, (state, past) in ways.items():
            newest = tokens(rows, seed + turn)
            read, state = step(state, newest)
            past = [[*row, token] for row, token in zip(past, newest, strict=True)]
            near(read, from_scratch(past))
            ways[seed] = (state, past)


def test_the_same_step_twice_is_the_same():
    cache = KeyValueCache.empty(NUM_LAYERS, 2).repeat(2)
    _, cache = step(cache, tokens(4, 0))
    first, _ = step(cache, tokens(4, 1))
    step(cache, tokens(4, 2))
    again, _ = step(cache, tokens(4, 1))
    assert torch.equal(first, again)


@pytest.mark.parametrize("beam", [1, 2])
def test_buffers_stay_where_they_are_until_they_are_full(beam):
    """Nothing is copied from step to step, also where every hypothesis goes on as another's."""
    capacity = cache_module.FIRST_CAPACITY
    cache, places = KeyValueCache.empty(NUM_LAYERS, 2).repeat(beam), []
    for seed in range(4 * capacity):
        cache = cache.next()
        key = tokens(2 * beam, seed).view(2 * beam, HEADS, 1, WIDTH // HEADS)
        places.append([part.data_ptr() for layer in range(NUM_LAYERS) for part in cache.extend(layer, key, key)])
        if beam > 1:  # a beam of one is selected only when a sentence leaves
            cache = cache.select(torch.tensor([1, 0, 2, 3]))
    moved = [number for number in range(1, len(places)) if places[number] != places[number - 1]]
    assert moved == [capacity, 2 * capacity]


def test_dead_hypotheses_take_no_room_for_ever():
    """One hypothesis of three goes on at every step, so two of three places hold nobody's tokens when the buffers are full."""
    beam, length = 3, 100
    cache = KeyValueCache.empty(NUM_LAYERS, 1).repeat(beam)
    for seed in range(length):
        _, cache = step(cache, tokens(beam, seed))
        cache = cache.select(torch.tensor([0, 0, 0]))
    assert cache.length == length
    assert cache.places <= 2 * length + beam * cache_module.FIRST_CAPACITY


def test_a_mask_tells_whose_tokens_are_whose():
    cache = KeyValueCache.empty(NUM_LAYERS, 1).repeat(2)
    assert cache.mask is None
    _, cache = step(cache, tokens(2, 0))
    assert cache.mask.shape == (1, 1, 2, 2)
    assert torch.equal(cache.mask[0, 0] == 0, torch.eye(2, dtype=torch.bool))
    _, cache = step(cache.select(torch.tensor([1, 1])), tokens(2, 1))
    assert (cache.mask[0, 0] == 0).tolist() == [[False, True, True, False], [False, True, False, True]]
    assert cache.mask.isinf().sum() == 4
    assert KeyValueCache.empty(NUM_LAYERS, 2).next().mask is None


def test_a_beam_begins_before_the_first_token():
    _, cache = step(KeyValueCache.empty(NUM_LAYERS, 2), tokens(2, 0))
    with pytest.raises(AssertionError, match="a beam begins before the first token"):
        cache.repeat(2)
    with pytest.raises(AssertionError, match="a beam is not repeated"):
        KeyValueCache.empty(NUM_LAYERS, 2).repeat(2).repeat(2)
