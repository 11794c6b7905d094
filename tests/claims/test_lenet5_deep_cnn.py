"""The deep network of small windows against LeNet-5, at a size of a second."""

from __future__ import annotations

from gyebo.claims import lenet5_deep_cnn


class Clock:
    def __init__(self) -> None:
        self.calls, self.said = 0, []

    def __call__(self) -> None:
        self.calls += 1

    def say(self, text: str) -> None:
        self.said.append(text)


def test_it_repeats_itself_and_is_drawn(monkeypatch):
    monkeypatch.setattr(lenet5_deep_cnn, "PICTURES", 100)
    monkeypatch.setattr(lenet5_deep_cnn, "TESTED", 40)
    clock = Clock()
    first, second = (lenet5_deep_cnn.measure(5, each, updates=2) for each in (clock, Clock()))
    assert first == second
    accuracy = {row["model"]: row["accuracy"] for row in first.table}
    assert list(accuracy) == list(lenet5_deep_cnn.MODELS)
    assert first.effects == {"gain": accuracy["deep-cnn"] - accuracy["lenet5"]}
    assert clock.calls == 2 * len(lenet5_deep_cnn.MODELS)
    assert len(clock.said) == len(lenet5_deep_cnn.MODELS)
    parameters = {row["model"]: row["parameters"] for row in first.table}
    assert parameters["lenet5"] == 60_000
    assert parameters["deep-cnn"] == parameters["deep-cnn, no dropout"] < parameters["lenet5"]
    rows = [{"seed": seed, **row} for seed in (5, 6) for row in first.table]
    figure = lenet5_deep_cnn.CLAIM.draw(rows)
    assert figure.name == "lenet5-deep-cnn"
    assert figure.to_png(scale=0.5)[1:4] == b"PNG"


def test_dropout_is_the_only_difference_of_the_deep_networks():
    built = {name: build() for name, build in lenet5_deep_cnn.MODELS.items()}
    assert built["deep-cnn"].dropout.probability == lenet5_deep_cnn.DROPOUT > 0
    assert built["deep-cnn, no dropout"].dropout.probability == 0.0
