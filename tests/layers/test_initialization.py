"""Initial weights have the variances of their papers, and are those of torch.nn.init for the same seed."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from gyebo.layers.activations import relu
from gyebo.layers.initialization import (
    GAINS,
    constant,
    fans,
    kaiming_normal,
    kaiming_uniform,
    leaky_gain,
    normal,
    start_as_he,
    xavier_normal,
    xavier_uniform,
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("layer", [nn.Linear(7, 5), nn.Conv1d(3, 4, 6), nn.Conv2d(3, 4, (5, 2)), nn.Conv3d(2, 3, (2, 3, 4))])
def test_fans_are_those_of_torch(layer):
    assert fans(tuple(layer.weight.shape)) == nn.init._calculate_fan_in_and_fan_out(layer.weight)


SAME_AS_TORCH = [
    (lambda shape: normal(shape, generator=seeded()), lambda weight: nn.init.normal_(weight, 0, 0.01, seeded())),
    (lambda shape: xavier_uniform(shape, generator=seeded()), lambda weight: nn.init.xavier_uniform_(weight, 1, seeded())),
    (lambda shape: xavier_normal(shape, 5 / 3, generator=seeded()), lambda weight: nn.init.xavier_normal_(weight, 5 / 3, seeded())),
    (
        lambda shape: kaiming_normal(shape, generator=seeded()),
        lambda weight: nn.init.kaiming_normal_(weight, nonlinearity="relu", generator=seeded()),
    ),
    (
        lambda shape: kaiming_uniform(shape, leaky_gain(math.sqrt(5)), "fan_out", generator=seeded()),
        lambda weight: nn.init.kaiming_uniform_(weight, math.sqrt(5), "fan_out", generator=seeded()),
    ),
]


@pytest.mark.parametrize("shape", [(5, 7), (4, 3, 5, 2)])
@pytest.mark.parametrize(("ours", "theirs"), SAME_AS_TORCH)
def test_the_same_seed_draws_the_weights_of_torch(ours, theirs, shape):
    torch.testing.assert_close(ours(shape), theirs(torch.empty(shape)), rtol=1e-6, atol=0)  # the bound is rounded elsewhere


@pytest.mark.parametrize("shape", [(300, 500), (40, 50, 6, 6)])
def test_variances(shape):
    fan_in, fan_out = fans(shape)
    for weights, variance in [
        (normal(shape, 0.3, generator=seeded()), 0.09),
        (xavier_normal(shape, generator=seeded()), 2 / (fan_in + fan_out)),
        (xavier_uniform(shape, generator=seeded()), 2 / (fan_in + fan_out)),
        (xavier_uniform(shape, 5 / 3, generator=seeded()), 25 / 9 * 2 / (fan_in + fan_out)),
        (kaiming_normal(shape, generator=seeded()), 2 / fan_in),
        (kaiming_uniform(shape, generator=seeded()), 2 / fan_in),
        (kaiming_normal(shape, mode="fan_out", generator=seeded()), 2 / fan_out),
        (kaiming_normal(shape, leaky_gain(0.25), generator=seeded()), 2 / (1 + 0.25**2) / fan_in),
    ]:
        assert weights.shape == shape
        assert weights.var().item() == pytest.approx(variance, rel=0.02)  # more than 70,000 numbers: five deviations
        assert abs(weights.mean().item()) < 5 * math.sqrt(variance / weights.numel())


def test_uniform_weights_stay_within_their_bounds():
    """Glorot and Bengio 2010, eq. 16."""
    bound = math.sqrt(6 / (300 + 500))
    assert 0.999 * bound < xavier_uniform((300, 500), generator=seeded()).abs().max() <= bound


def test_gains_are_those_of_torch():
    assert dict(GAINS) == {name: nn.init.calculate_gain(name) for name in GAINS}
    assert leaky_gain(0.2) == nn.init.calculate_gain("leaky_relu", 0.2)


def test_a_linear_layer_of_torch_starts_at_a_sixth_of_hes_variance():
    weights = kaiming_uniform((300, 500), math.sqrt(1 / 3), generator=seeded())
    assert weights.var().item() == pytest.approx(2 / 500 / 6, rel=0.02)
    assert weights.abs().max() <= 1 / math.sqrt(500)


def test_the_seed_alone_decides():
    first, again, other = (kaiming_normal((5, 7), generator=seeded(seed), dtype=torch.float64) for seed in (1, 1, 2))
    assert first.dtype == torch.float64
    assert first.equal(again)
    assert not first.equal(other)
    assert constant((2, 3), 0.5).tolist() == [[0.5] * 3] * 2


def deviations(weights_of, depth: int = 30, width: int = 512) -> list[float]:
    """Of the activations after each ReLU layer, for inputs from N(0, 1)."""
    generator = seeded()
    signal = torch.randn(200, width, generator=generator)
    found = []
    for _ in range(depth):
        signal = relu(signal @ weights_of((width, width), generator=generator).t())
        found.append(signal.std().item())
    return found


def test_he_keeps_the_signal_alive_through_thirty_layers_of_relu():
    """As measured for width 512: at layers 1, 10 and 30, He .83, .72, .58; Xavier .58, .024, 2.5e-5; N(0, .01) .13, 8e-9, 1e-24.

    A layer's share differs from draw to draw, which thirty of them multiply: the first numbers are exact, the last an order.
    """
    he, xavier, small = (deviations(weights_of) for weights_of in (kaiming_normal, xavier_normal, normal))
    assert [he[0], xavier[0], small[0]] == pytest.approx([0.83, 0.58, 0.13], rel=0.05)
    assert max(he) / min(he) < 2
    assert 1e-5 < xavier[-1] < 1e-4
    assert 1e-26 < small[-1] < 1e-22


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fans((5,)), r"A tensor of shape \(5,\) has no fan_in and fan_out.*Start a bias with constant"),
        (lambda: xavier_normal((5, 0), generator=seeded()), r"A tensor of shape \(5, 0\) has no fan_in"),
        (lambda: normal((2, 2), -0.1, generator=seeded()), "std=-0.1 came, but a standard deviation is a finite number"),
        (lambda: xavier_uniform((2, 2), -1.0, generator=seeded()), "gain=-1 came, but a gain is a finite number above 0"),
        (lambda: kaiming_normal((2, 2), math.nan, generator=seeded()), "gain=nan came"),
        (lambda: kaiming_normal((2, 2), mode="fan", generator=seeded()), "mode='fan' came, but 'fan_in' or 'fan_out' was expected"),
    ],
)
def test_messages(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_signals_keep_their_size_through_a_network_that_starts_as_he():
    torch.manual_seed(0)
    layers = [part for _ in range(20) for part in (nn.Linear(256, 256), nn.ReLU())]
    network = nn.Sequential(*layers)
    inputs = torch.randn(64, 256)
    died_out = network(inputs).square().mean()
    start_as_he(network)
    kept = network(inputs).square().mean()
    assert died_out < 1e-2  # torch's own start
    assert 0.2 < kept < 5
    assert not any(layer.bias.any() for layer in layers if isinstance(layer, nn.Linear))


def test_he_start_leaves_norms_and_missing_biases_alone():
    network = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4))
    start_as_he(network)
    assert network[0].bias is None
    assert network[1].weight.eq(1).all()


def test_he_starts_every_layer_with_weights():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(4, 50, 5, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(50, 300))
    start_as_he(network)
    assert network[0].weight.std().item() == pytest.approx(math.sqrt(2 / 100), rel=0.03)
    assert network[3].weight.std().item() == pytest.approx(math.sqrt(2 / 50), rel=0.03)
    assert not network[3].bias.any()
