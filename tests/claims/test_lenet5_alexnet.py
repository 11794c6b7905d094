"""ReLU against tanh in AlexNet, at a size of a second."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from claim_clock import Clock, measured_twice
from torch.nn.functional import relu

from gyebo.claims import lenet5_alexnet
from gyebo.claims.pictures import generator, signs
from gyebo.models.convolutional.alexnet import AlexNet


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(lenet5_alexnet, "PICTURES", 128)
    monkeypatch.setattr(lenet5_alexnet, "WINDOW", 2)


def test_it_repeats_itself_and_is_drawn(small):
    first, clock = measured_twice("lenet5-alexnet", partial(lenet5_alexnet.measure, most=3, rates=(0.01, 0.03)))
    assert first.effects == {"speedup": 1.0}
    assert {row["activation"] for row in first.table} == {"relu", "tanh"}
    assert len(clock.said) == 4


def test_a_rate_that_reaches_the_level_sets_the_most_for_the_next(small, monkeypatch):
    updates = {("relu", 0.01): 30, ("relu", 0.03): 20, ("tanh", 0.01): 60, ("tanh", 0.03): None}
    asked = []

    def descent(activation, rate, pictures, seed, clock, most):
        asked.append(most)
        needed = updates[activation, rate]
        return [2.0] * (most - 1) if needed is None else [2.0] * (needed - 2) + [0.5]

    monkeypatch.setattr(lenet5_alexnet, "descent", descent)
    measured = lenet5_alexnet.measure(1, Clock(), most=100, rates=(0.01, 0.03))
    assert asked == [100, 30, 100, 60]
    assert measured.effects == {"speedup": 3.0}
    last = {row["activation"]: row for row in measured.table}
    assert (last["relu"]["rate"], last["relu"]["update"], last["relu"]["loss"]) == (0.03, 20, 0.5)
    assert (last["tanh"]["rate"], last["tanh"]["update"], last["tanh"]["loss"]) == (0.01, 60, 0.5)


def test_descent_stops_at_the_level(small, monkeypatch):
    monkeypatch.setattr(lenet5_alexnet, "LEVEL", 100.0)
    pictures = signs(128, lenet5_alexnet.SIZE, generator(1, "train"))
    assert len(lenet5_alexnet.descent("relu", 0.01, pictures, 1, Clock(), 10)) == 1


def test_only_the_activation_differs_from_alexnet(monkeypatch):
    images = torch.randn(2, 1, lenet5_alexnet.SIZE, lenet5_alexnet.SIZE)
    network, squashing = (lenet5_alexnet.network(activation, 1) for activation in ("relu", "tanh"))
    assert network.activation is torch.relu
    torch.testing.assert_close(network(images), AlexNet.logits(network, AlexNet.features(network, images)))
    monkeypatch.setattr("gyebo.models.convolutional.alexnet.relu", torch.tanh)
    torch.testing.assert_close(squashing(images), AlexNet.logits(squashing, AlexNet.features(squashing, images)))
    assert not torch.allclose(relu(squashing.features(images)), squashing.features(images))
    ratio = network.full6.weight / squashing.full6.weight
    torch.testing.assert_close(ratio, torch.full_like(ratio, 2**0.5))
