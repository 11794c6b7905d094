import math

import pytest
import torch

from gyebo.layers.attention import AdditiveAttention, masked_softmax, read
from gyebo.layers.maxout import maxout


def test_weights_sum_to_one_over_real_positions_and_are_zero_elsewhere() -> None:
    real = torch.tensor([[True, True, False], [True, False, False]])
    weights = masked_softmax(torch.tensor([[1.0, 2.0, 99.0], [0.0, 99.0, 99.0]]), real)
    assert weights[~real].tolist() == [0.0] * 3
    assert weights.sum(-1).tolist() == pytest.approx([1.0, 1.0])
    assert weights[0, 1] / weights[0, 0] == pytest.approx(math.e)


def test_reading_with_one_hot_weights_picks_the_value() -> None:
    values = torch.arange(12.0).view(2, 3, 2)
    assert read(torch.eye(3)[[2, 0]], values).tolist() == [[4.0, 5.0], [6.0, 7.0]]


def test_additive_attention_is_the_papers_equation() -> None:
    torch.manual_seed(0)
    attention = AdditiveAttention(query_width=4, value_width=6, width=5).double()
    state, values = torch.randn(2, 4).double(), torch.randn(2, 3, 6).double()
    real = torch.tensor([[True, True, True], [True, True, False]])
    context, weights = attention(state, attention.key(values), values, real)
    for row, count in enumerate([3, 2]):
        energies = [
            attention.energy.weight[0]
            @ torch.tanh(attention.query.weight @ state[row] + attention.key.weight @ values[row, j] + attention.key.bias)
            for j in range(count)
        ]
        expected = torch.stack(energies).softmax(0)
        torch.testing.assert_close(weights[row, :count], expected, rtol=0, atol=1e-12)
        torch.testing.assert_close(context[row], expected @ values[row, :count], rtol=0, atol=1e-12)


def test_zero_energy_weights_attend_uniformly() -> None:
    attention = AdditiveAttention(4, 6, 5)
    torch.nn.init.zeros_(attention.energy.weight)  # the paper's initialisation
    values = torch.randn(1, 3, 6)
    _, weights = attention(torch.randn(1, 4), attention.key(values), values, torch.ones(1, 3, dtype=torch.bool))
    assert weights.tolist()[0] == pytest.approx([1 / 3] * 3)


def test_maxout_takes_the_larger_of_neighbours() -> None:
    assert maxout(torch.tensor([[1.0, 3.0, -2.0, -5.0, 0.0, 0.0]])).tolist() == [[3.0, -2.0, 0.0]]
    assert maxout(torch.arange(6.0), pool=3).tolist() == [2.0, 5.0]
