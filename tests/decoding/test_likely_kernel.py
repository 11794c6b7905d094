"""The compiled few most likely tokens against log_softmax and sorting."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gyebo.decoding import likely_kernel
from gyebo.decoding.scoring import most_likely
from gyebo.layers.kernel_threads import run_on_threads

NEAR = {"rtol": 1e-5, "atol": 1e-5}


def found(logits: torch.Tensor, count: int, forbidden: list[int], threads: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    values, tokens = torch.empty(len(logits), count, dtype=torch.float64), torch.empty(len(logits), count, dtype=torch.long)
    run_on_threads(
        likely_kernel.most_likely, threads, logits.numpy(), np.array(forbidden, np.int64), values.numpy(), tokens.numpy()
    )
    return values, tokens


def check(logits: torch.Tensor, count: int, forbidden: list[int], threads: int = 1) -> None:
    values, tokens = found(logits, count, forbidden, threads)
    expected = logits.double().log_softmax(-1)
    allowed = expected.index_fill(1, torch.tensor(forbidden, dtype=torch.long), -torch.inf)
    torch.testing.assert_close(values, allowed.topk(count, -1).values, **NEAR)
    for row in range(len(logits)):
        kept = values[row] > -torch.inf
        torch.testing.assert_close(values[row, kept], allowed[row, tokens[row, kept]], **NEAR)
        assert len(set(tokens[row, kept].tolist())) == int(kept.sum())


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_the_most_likely(data):
    """Ties and -inf among them, as many as there are tokens, with some forbidden, at sizes around the kernel's groups."""
    rows, size = data.draw(st.integers(1, 4)), data.draw(st.sampled_from([1, 2, 63, 64, 65, 200]))
    numbers = st.sampled_from([-torch.inf, -1000.0, -1.0, 0.0, 0.0, 1.5, 40.0]) | st.floats(-50, 50, width=32)
    logits = torch.tensor(data.draw(st.lists(st.lists(numbers, min_size=size, max_size=size), min_size=rows, max_size=rows)))
    logits[:, data.draw(st.integers(0, size - 1))] = 3.0  # something is possible
    forbidden = data.draw(st.lists(st.integers(0, size - 1), max_size=3, unique=True))
    check(logits, data.draw(st.integers(1, size)), forbidden, data.draw(st.sampled_from([1, 2, 3])))


def test_of_equal_ones_the_first():
    logits = torch.zeros(1, 130)
    assert found(logits, 4, [1])[1].tolist() == [[0, 2, 3, 4]]


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
@pytest.mark.parametrize("size", [5, 64, 100])
def test_what_is_not_a_number_is_told(bad, size):
    logits = torch.zeros(2, size)
    logits[1, 3] = bad
    values, tokens = found(logits, 2, [0])
    assert values[0].isfinite().all()
    assert not values[1].isfinite().all()
    assert tokens.min() >= 0
    assert tokens.max() < size


def test_a_row_without_any_possibility():
    values, tokens = found(torch.full((1, 70), -torch.inf), 2, [0, 1])
    assert values.isnan().all()
    assert tokens.tolist() == [[0, 0]]


def test_it_is_used_with_the_other_kernels_alone(monkeypatch):
    """Both ways of `most_likely` agree, at a size of several threads too."""
    logits = torch.randn(12, 30_000, generator=torch.Generator().manual_seed(0)) * 4
    plain = most_likely(logits, 5, (0, 1))
    monkeypatch.setattr("gyebo.decoding.scoring.kernels_are_used", lambda: True)
    values, tokens = most_likely(logits, 5, (0, 1))
    assert torch.equal(tokens, plain[1])
    torch.testing.assert_close(values, plain[0], **NEAR)
    assert values.dtype == torch.float64
    assert tokens.dtype == torch.long
