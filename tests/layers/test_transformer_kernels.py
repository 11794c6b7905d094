"""Each kernel against torch's own functions, at sizes that fill their tiles and at sizes that do not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from gyebo.layers import transformer_kernels as kernels
from gyebo.layers.positions import RotaryPositions

NEAR = {"rtol": 1e-5, "atol": 1e-5}  # float32: the same sums in another order


def numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("rectified", [False, True])
@pytest.mark.parametrize("outputs", [2, 3, kernels.BLOCK + 1, 2 * kernels.BLOCK + 5])
@pytest.mark.parametrize("rows", [1, 5, 6, 10, 13])
def test_products(rows, outputs, rectified):
    x, matrix, bias, into = numbers(rows, 19), numbers(outputs, 19, seed=1), numbers(outputs, seed=2), torch.empty(rows, outputs)
    kernels.products(x.numpy(), matrix.numpy(), bias.numpy(), rectified, into.numpy(), 0, outputs)
    expected = F.linear(x, matrix, bias)
    torch.testing.assert_close(into, expected.relu() if rectified else expected, **NEAR)


@pytest.mark.parametrize("rows", [1, 7])
def test_products_of_a_share_of_the_outputs(rows):
    x, matrix, into = numbers(rows, 19), numbers(70, 19, seed=1), torch.zeros(rows, 70)
    kernels.products(x.numpy(), matrix.numpy(), np.zeros(70, np.float32), False, into.numpy(), 4, 61)
    torch.testing.assert_close(into[:, 4:61], F.linear(x, matrix[4:61]), **NEAR)
    assert not into[:, :4].any()
    assert not into[:, 61:].any()


@pytest.mark.parametrize("outputs", [1, 2, 3, 12, 13])
@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_shares_of_threads_are_all_of_the_outputs(outputs, threads):
    begins = [kernels.begin_of(thread, threads, outputs) for thread in range(threads + 1)]
    assert begins == sorted(begins)
    assert (begins[0], begins[-1]) == (0, outputs)


def test_norm():
    rows, gain, bias, into = numbers(3, 17) * 4 + 2, numbers(17, seed=1), numbers(17, seed=2), torch.empty(3, 17)
    kernels.normalize(rows.numpy(), torch.stack([gain, bias]).numpy(), np.float32(1e-5), into.numpy())
    torch.testing.assert_close(into, F.layer_norm(rows, (17,), gain, bias, 1e-5), **NEAR)


def test_rotation():
    heads, position = numbers(4, 3, 1, 6), 5
    turns = RotaryPositions()(torch.tensor([1.0, 0.0]).repeat(3).expand(1, 1, 9, -1))[0, 0]
    rows = heads.flatten(1).clone()  # (rows, N K)
    kernels.rotate(rows.numpy(), 4, 6, 18, turns.contiguous().numpy(), position)
    expected = RotaryPositions()(heads, position).flatten(1)
    assert torch.equal(rows[:, :6], heads.flatten(1)[:, :6])
    torch.testing.assert_close(rows[:, 6:], expected[:, 6:], **NEAR)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_attention(threads):
    """Two hypotheses a source; sources of 4, 1 and 3 tokens; what is behind them is never read."""
    sources, lengths, heads, width = 3, [4, 1, 3], 3, 12
    queries, table = numbers(6, width), numbers(sources * 4, 2 * width, seed=1)
    places = np.arange(12).reshape(3, 4)
    for source, length in enumerate(lengths):
        table[places[source, length:]] = torch.nan
    into, weights = torch.zeros(6, width), torch.full((6, heads, 4), torch.nan)
    kernels.run_on_threads(
        kernels.attention_to_source, threads, queries.numpy(), table.numpy(), 0, width, places, np.array(lengths), heads,
        into.numpy(), weights.numpy(),
    )  # fmt: skip
    for row in range(6):
        length = lengths[row // 2]
        key, value = table[places[row // 2, :length]].unflatten(1, (2, heads, -1)).permute(1, 2, 0, 3)  # (N, S, K)
        query = queries[row].view(heads, 1, -1)
        expected = (query @ key.mT / 2).softmax(-1)
        torch.testing.assert_close(weights[row, :, :length], expected[:, 0], **NEAR)
        assert not weights[row, :, length:].any()
        torch.testing.assert_close(into[row], (expected @ value).flatten(), **NEAR)
