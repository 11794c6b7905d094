"""Scores and windows: the numbers of small cases."""

from __future__ import annotations

import math

import pytest
import torch

from gyebo.layers.luong_attention import (
    ConcatScore,
    DotScore,
    GeneralScore,
    GlobalWindow,
    LocationScore,
    MonotonicWindow,
    PredictiveWindow,
    SourceTooLongError,
)

B, T, S, D = 2, 3, 7, 4
REAL = torch.tensor([[True] * 7, [True] * 5 + [False] * 2])
HIDDEN, VALUES = torch.randn(B, T, D, generator=torch.Generator().manual_seed(0)), torch.randn(B, S, D)
TIMES = torch.arange(T)[None]


def test_dot_and_general_scores():
    general = GeneralScore(D)
    dots = DotScore()(HIDDEN, DotScore().keys(VALUES))
    assert dots[1, 2, 3].item() == pytest.approx((HIDDEN[1, 2] @ VALUES[1, 3]).item(), abs=1e-5)
    scores = general(HIDDEN, general.keys(VALUES))
    assert scores[1, 2, 3].item() == pytest.approx((HIDDEN[1, 2] @ general.key.weight @ VALUES[1, 3]).item(), abs=1e-5)


def test_concat_score():
    concat = ConcatScore(D)
    weight = torch.cat([concat.query.weight, concat.key.weight], 1)
    expected = concat.energy.weight[0] @ torch.tanh(weight @ torch.cat([HIDDEN[1, 2], VALUES[1, 3]]))
    assert concat(HIDDEN, concat.keys(VALUES))[1, 2, 3].item() == pytest.approx(expected.item(), abs=1e-5)


def test_location_score_reads_no_content_and_refuses_what_it_has_no_weights_for():
    location = LocationScore(D, max_source=S)
    assert torch.equal(location(HIDDEN, location.keys(VALUES)), location(HIDDEN, location.keys(VALUES + 1)))
    with pytest.raises(SourceTooLongError, match=r"8 tokens.*weights for 7 positions.*--model\.max-source"):
        location.keys(torch.zeros(1, 8, D))


def test_global_weights_sum_to_one_over_real_positions():
    weights, centre = GlobalWindow()(torch.randn(B, T, S), HIDDEN, TIMES, REAL)
    assert centre is None
    torch.testing.assert_close(weights.sum(-1), torch.ones(B, T))
    assert not weights[1, :, 5:].any()


def test_monotonic_window_follows_the_time_and_stays_at_the_end_of_the_source():
    weights, centre = MonotonicWindow(1)(torch.zeros(B, 2, S), HIDDEN[:, :2], torch.tensor([[2, 30]]), REAL)
    assert centre is not None
    assert centre.tolist() == [[2, 6], [2, 4]]
    third = pytest.approx(1 / 3)
    assert weights[0, 0].tolist() == [0, third, third, third, 0, 0, 0]
    assert weights[1, 1].tolist() == [0, 0, 0, 0.5, 0.5, 0, 0]


def test_predictive_window_is_a_gaussian_that_is_not_normalised_again():
    window = PredictiveWindow(D, half_window=2)
    torch.nn.init.zeros_(window.position.weight)  # sigmoid(0): the middle of the source
    weights, centre = window(torch.zeros(B, T, S), HIDDEN, TIMES, REAL)
    assert centre is not None
    assert centre.tolist() == [[3.5] * T, [2.5] * T]
    inside = [1 / 4 * math.exp(-(distance**2) / 2) for distance in (-1.5, -0.5, 0.5, 1.5)]  # sigma = 1
    assert weights[0, 0].tolist() == pytest.approx([0, 0, *inside, 0])
    assert weights[0, 0].sum() < 1
    assert window.centre(100 * HIDDEN, REAL).min().item() >= 0
    assert window.centre(100 * HIDDEN, REAL)[1].max().item() <= 5


def test_the_gradient_reaches_the_predicted_position():
    window = PredictiveWindow(D, half_window=2)
    weights, _ = window(torch.zeros(B, T, S), HIDDEN, TIMES, REAL)
    (weights * torch.arange(S)).sum().backward()
    assert window.position.weight.grad is not None
    assert window.position.weight.grad.any()


def test_places_far_back_are_no_whole_numbers_in_bfloat16():
    torch.manual_seed(0)
    window, states = PredictiveWindow(D, 2), 3 * torch.randn(1, 64, D)
    real = torch.ones(1, 400, dtype=torch.bool)
    with torch.autocast("cpu", torch.bfloat16):
        centre = window.centre(states, real)
        weights, _ = window(torch.zeros(1, 64, 400, dtype=torch.bfloat16), states, TIMES, real)
    assert (centre.dtype, weights.dtype) == (torch.float32, torch.bfloat16)
    far = centre[centre > 128]
    assert len(far) > 20
    assert (far != far.round()).any()
