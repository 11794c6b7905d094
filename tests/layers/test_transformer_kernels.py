"""Each kernel against torch's own functions."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from gyebo.layers import transformer_kernels as kernels
from gyebo.layers.positions import RotaryPositions

NEAR = {"rtol": 1e-5, "atol": 1e-5}  # float32: the same sums in another order


def numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("outputs", [1, 3, 16, 17, 100])
@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_shares_of_threads_are_all_of_the_outputs(outputs, threads):
    begins = [kernels.share_of(thread, threads, outputs) for thread in range(threads + 1)]
    assert begins == sorted(begins)
    assert (begins[0], begins[-1]) == (0, outputs)


def test_norm():
    rows, gain, bias, into = numbers(3, 17) * 4 + 2, numbers(17, seed=1), numbers(17, seed=2), torch.empty(3, 17)
    kernels.normalize(rows.numpy(), torch.stack([gain, bias]).numpy(), np.float32(1e-5), into.numpy())
    torch.testing.assert_close(into, F.layer_norm(rows, (17,), gain, bias, 1e-5), **NEAR)


def test_rotation():
    heads, position = numbers(1, 3, 1, 6), 5
    turns = RotaryPositions()(torch.tensor([1.0, 0.0]).repeat(3).expand(1, 1, 1, -1), position).flatten()
    turned = heads[0, :, 0].clone()  # (N, K)
    kernels.rotate(turned.numpy(), turns.numpy())
    torch.testing.assert_close(turned, RotaryPositions()(heads, position)[0, :, 0], **NEAR)


@pytest.mark.parametrize("shares", [[0, 3], [0, 1, 3]])
def test_attention(shares):
    """Two hypotheses a source; sources of 4, 1 and 3 tokens; what is behind them is never read."""
    sources, lengths, heads = 3, [4, 1, 3], 3
    queries, table = numbers(6, 1, heads, 4), numbers(sources * 4, 2, heads, 4, seed=1)
    places = np.arange(12).reshape(3, 4)
    for source, length in enumerate(lengths):
        table[places[source, length:]] = torch.nan
    into, weights = torch.zeros(6, heads, 4), torch.full((6, heads, 4), torch.nan)
    for first, last in pairwise(shares):
        kernels.attention(
            queries.numpy(), table.numpy(), 0, 1, places, np.array(lengths), first, last, into.numpy(), weights.numpy()
        )
    for row in range(6):
        length = lengths[row // 2]
        key, value = table[places[row // 2, :length]].permute(1, 2, 0, 3)  # (N, S, K)
        query = queries[row, 0].unsqueeze(1)
        expected = (query @ key.mT / 2).softmax(-1)
        torch.testing.assert_close(weights[row, :, :length], expected[:, 0], **NEAR)
        assert not weights[row, :, length:].any()
        torch.testing.assert_close(into[row], (expected @ value)[:, 0], **NEAR)
