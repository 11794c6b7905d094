"""Positions: the waves of the paper, vectors that are learned, and queries and keys that are turned."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gyebo.errors import UsageError
from gyebo.layers.positions import LearnedPositions, RotaryPositions, SinusoidalPositions, sinusoids


def paper(position: int, column: int, width: int) -> float:
    """PE(pos, 2i) = sin(pos / 10000^(2i/D)), PE(pos, 2i + 1) = cos(pos / 10000^(2i/D)): Vaswani et al. 2017, section 3.5."""
    angle = position / 10_000 ** (2 * (column // 2) / width)
    return math.cos(angle) if column % 2 else math.sin(angle)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-4), (torch.float64, 1e-12)])
@pytest.mark.parametrize("width", [2, 7, 12])
def test_waves_are_the_papers(width, dtype, tolerance):
    """In float32 an angle near 1,000 is known to 1,000 * 2^-24 and the roundings of its frequency: about 1e-4."""
    positions = [0, 1, 2, 17, 1000]
    expected = torch.tensor([[paper(position, column, width) for column in range(width)] for position in positions], dtype=dtype)
    found = sinusoids(torch.tensor(positions), width, dtype)
    assert found.dtype == dtype
    torch.testing.assert_close(found, expected, rtol=0, atol=tolerance)
    torch.testing.assert_close(found[:4], expected[:4], rtol=0, atol=min(tolerance, 1e-5))


def test_waves_in_bfloat16_are_rounded_only_once():
    """Computed in bfloat16, whose integers end at 256, positions 257 and 256 would be one."""
    positions = torch.tensor([255, 256, 257])
    assert torch.equal(sinusoids(positions, 8, torch.bfloat16), sinusoids(positions, 8).bfloat16())
    assert not torch.equal(*sinusoids(positions, 8, torch.bfloat16)[1:])


def test_waves_at_a_distance_are_a_turn():
    """PE(pos + k) is a linear function of PE(pos), the same for every pos, which is why the paper chose waves."""
    table = sinusoids(torch.arange(30), 6, torch.float64)
    turn = torch.linalg.lstsq(table[:20], table[7:27]).solution
    torch.testing.assert_close(table[3:23] @ turn, table[10:30])


@pytest.mark.parametrize("positions", [SinusoidalPositions(), LearnedPositions(6, 9)], ids=["waves", "learned"])
def test_later_positions_continue_the_earlier_ones(positions):
    embedded = torch.randn(2, 8, 6, generator=torch.Generator().manual_seed(0))
    parts = torch.cat([positions(embedded[:, :3]), positions(embedded[:, 3:], 3)], 1)
    assert torch.equal(parts, positions(embedded))
    assert not torch.equal(positions(embedded), embedded)


def test_every_sentence_gets_the_same_waves():
    added = SinusoidalPositions()(torch.zeros(3, 4, 6))
    torch.testing.assert_close(added, sinusoids(torch.arange(4), 6).expand(3, -1, -1))


def test_learned_positions_end():
    positions = LearnedPositions(6, 5)
    assert positions(torch.zeros(1, 5, 6)).shape == (1, 5, 6)
    assert positions(torch.zeros(1, 1, 6), 4).shape == (1, 1, 6)
    for time, first in ((6, 0), (1, 5), (3, 3)):
        with pytest.raises(UsageError) as caught:
            positions(torch.zeros(1, time, 6), first)
        assert str(caught.value) == (
            "A sentence of 6 tokens is longer than the 5 positions that the model learns. Shorten it, or train with a larger"
            " --model.max-positions."
        )


def test_gradient_reaches_the_positions_that_were_read():
    positions = LearnedPositions(6, 5)
    positions(torch.zeros(2, 3, 6)).sum().backward()
    assert torch.equal(positions.weight.grad, torch.tensor([2.0, 2, 2, 0, 0])[:, None].expand(-1, 6))


@given(st.integers(0, 200), st.integers(0, 200), st.integers(-100, 100), st.sampled_from([2, 4, 10]))
def test_turned_products_depend_on_the_distance_alone(first, second, shift, width):
    generator = torch.Generator().manual_seed(first)
    query, key = torch.randn(2, 1, 1, 1, width, generator=generator, dtype=torch.float64)
    turn = RotaryPositions()
    shift = max(shift, -first, -second)
    there = (turn(query, first) * turn(key, second)).sum()
    moved = (turn(query, first + shift) * turn(key, second + shift)).sum()
    torch.testing.assert_close(there, moved)


def test_turned_products_depend_on_the_distance():
    ones = torch.ones(1, 1, 4, 4)
    products = RotaryPositions()(ones)[0, 0] @ ones[0, 0, 0]
    assert len(set(products.tolist())) == 4


def test_a_turn_is_the_papers_matrix():
    """Eq. 15: each pair (2i, 2i + 1) by [[cos, -sin], [sin, cos]] of m * 10000^(-2i/K)."""
    heads = torch.randn(1, 1, 6, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = RotaryPositions()(heads, 2)
    for time in range(6):
        for pair in range(2):
            angle = torch.tensor((time + 2) * 10_000 ** (-2 * pair / 4), dtype=torch.float64)
            matrix = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()]).view(2, 2)
            columns = slice(2 * pair, 2 * pair + 2)
            torch.testing.assert_close(found[0, 0, time, columns], matrix @ heads[0, 0, time, columns])


def test_a_turn_keeps_lengths_and_the_first_position():
    heads = torch.randn(2, 3, 5, 4, generator=torch.Generator().manual_seed(0))
    turned = RotaryPositions()(heads)
    torch.testing.assert_close(turned.norm(dim=-1), heads.norm(dim=-1))
    assert torch.equal(turned[:, :, 0], heads[:, :, 0])
