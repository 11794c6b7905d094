"""The deep network of small windows against LeNet-5, at a size of a second."""

from __future__ import annotations

from functools import partial

from claim_clock import measured_twice

from gyebo.claims import lenet5_deep_cnn


def test_it_repeats_itself_and_is_drawn(monkeypatch):
    monkeypatch.setattr(lenet5_deep_cnn, "PICTURES", 100)
    monkeypatch.setattr(lenet5_deep_cnn, "TESTED", 40)
    first, clock = measured_twice("lenet5-deep-cnn", partial(lenet5_deep_cnn.measure, updates=2))
    accuracy = {row["model"]: row["accuracy"] for row in first.table}
    assert list(accuracy) == list(lenet5_deep_cnn.MODELS)
    assert first.effects == {"gain": accuracy["deep-cnn"] - accuracy["lenet5"]}
    assert clock.calls == 2 * len(lenet5_deep_cnn.MODELS)
    assert len(clock.said) == len(lenet5_deep_cnn.MODELS)
    parameters = {row["model"]: row["parameters"] for row in first.table}
    assert parameters["lenet5"] == 60_000
    assert parameters["deep-cnn"] == parameters["deep-cnn, no dropout"] < parameters["lenet5"]


def test_dropout_is_the_only_difference_of_the_deep_networks():
    built = {name: build() for name, build in lenet5_deep_cnn.MODELS.items()}
    assert built["deep-cnn"].dropout.probability == lenet5_deep_cnn.DROPOUT > 0
    assert built["deep-cnn, no dropout"].dropout.probability == 0.0
