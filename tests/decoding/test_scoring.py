"""The mathematics of decoding against plain loops and torch's own functions."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gyebo.decoding.scoring import (
    coverage_penalty,
    gnmt_length_penalty,
    keep_top_k,
    keep_top_p,
    largest,
    log_normalizer,
    most_likely,
    power_of_length,
)


@pytest.mark.parametrize("alpha", [-0.5, 0.0, 0.6, 1.0, 2.0])
def test_both_normalisations_are_their_formulas(alpha):
    lengths = torch.arange(1, 50)
    assert power_of_length(lengths, alpha).tolist() == pytest.approx([length**alpha for length in range(1, 50)])
    plain = [(5 + length) ** alpha / (5 + 1) ** alpha for length in range(1, 50)]
    assert gnmt_length_penalty(lengths, alpha).tolist() == pytest.approx(plain)


def test_coverage_is_its_formula():
    torch.manual_seed(0)
    coverage = torch.rand(3, 5) * 2
    real = torch.arange(5) < torch.tensor([[5], [3], [1]])
    for row, total in enumerate(coverage_penalty(coverage, real, 0.3).tolist()):
        plain = 0.3 * sum(math.log(min(value, 1.0)) for value in coverage[row, : int(real[row].sum())].tolist())
        assert total == pytest.approx(plain)
    nothing = coverage_penalty(torch.zeros(1, 2), torch.ones(1, 2, dtype=torch.bool), 1.0)
    assert nothing.item() == pytest.approx(2 * math.log(1e-6))


@given(st.integers(1, 5), st.integers(1, 700), st.integers(1, 12), st.integers(0, 2**30))
@settings(max_examples=60, deadline=None)
def test_the_largest_are_those_of_topk(rows, columns, count, seed):
    numbers = torch.rand(rows, columns, generator=torch.Generator().manual_seed(seed))
    count = min(count, columns)
    values, places = largest(numbers, count)
    assert torch.equal(values, numbers.topk(count, -1).values)
    assert torch.equal(numbers.gather(1, places), values)
    assert all(len(set(row)) == count for row in places.tolist())


def test_the_normaliser_of_many_rows():
    logits = torch.randn(40, 20_000, generator=torch.Generator().manual_seed(0)) * 5
    torch.testing.assert_close(log_normalizer(logits), logits.double().logsumexp(-1, keepdim=True).float())
    assert log_normalizer(logits[:2].bfloat16()).dtype == torch.float32


@pytest.mark.parametrize("vocabulary", [5, 1000])
def test_what_is_forbidden_is_not_likely_and_still_has_its_probability(vocabulary):
    logits = torch.randn(6, vocabulary, generator=torch.Generator().manual_seed(1))
    logits[:, :3] += 5.0  # the forbidden ones would win
    found, tokens = most_likely(logits, 4, (0, 1, 2))
    expected = logits.double().log_softmax(-1).index_fill(1, torch.tensor([0, 1, 2]), -torch.inf).topk(4, -1)
    torch.testing.assert_close(found, expected.values, rtol=0, atol=1e-5)
    possible = found > -torch.inf
    assert torch.equal(tokens[possible], expected.indices[possible])
    assert possible.sum(1).tolist() == [min(4, vocabulary - 3)] * 6


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=20), st.integers(1, 25))
def test_top_k_keeps_k_and_their_order(numbers, k):
    logits = torch.tensor(numbers)
    kept = keep_top_k(logits, k) > -torch.inf
    assert int(kept.sum()) >= min(k, len(numbers))
    if not kept.all():
        assert logits[kept].min() > logits[~kept].max()


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=20, unique=True), st.floats(0.01, 1.0))
def test_top_p_keeps_the_fewest_that_reach_p(numbers, p):
    logits = torch.tensor(numbers)
    kept = keep_top_p(logits, p) > -torch.inf
    probabilities = logits.softmax(-1)
    assert float(probabilities[kept].sum()) >= p - 1e-5
    assert float(probabilities[kept].sum() - probabilities[kept].min()) < p + 1e-5
    assert probabilities[kept].min() >= probabilities[~kept].max() if not kept.all() else True
