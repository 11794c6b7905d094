"""The adding problem, and the two claims that stand on it, at sizes of seconds."""

from __future__ import annotations

import math

import pytest
import torch

from gyebo.claims import lstm_gru, rnn_lstm
from gyebo.claims.adding import BASELINE, Adder, adding_problem, explained, learn, open_forget_gate
from gyebo.genealogy import parameter_counts
from gyebo.layers import GRU, LSTM


class Counting:
    """A clock that counts how often it is asked."""

    def __init__(self) -> None:
        self.asked, self.said = 0, []

    def __call__(self) -> None:
        self.asked += 1

    def say(self, text: str) -> None:
        self.said.append(text)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("length", [2, 3, 10, 11])
def test_one_marker_stands_in_each_half(length):
    inputs, targets = adding_problem(200, length, generator(1))
    numbers, markers = inputs.unbind(-1)
    assert inputs.shape == (200, length, 2)
    assert torch.equal(markers[:, : length // 2].sum(-1), torch.ones(200))
    assert torch.equal(markers[:, length // 2 :].sum(-1), torch.ones(200))
    assert torch.equal((numbers * markers).sum(-1), targets)
    assert markers.sum(0).min() > 0, "every step is marked now and then"


def test_baseline_is_the_error_of_answering_the_mean():
    _, targets = adding_problem(200_000, 4, generator(2))
    assert (targets - 1).square().mean().item() == pytest.approx(BASELINE, rel=0.01)
    assert explained(BASELINE) == 0


def test_forget_gate_is_open_and_nothing_else_changes():
    torch.manual_seed(1)
    plain = LSTM(2, 5)
    torch.manual_seed(1)
    opened = open_forget_gate(LSTM(2, 5))
    assert torch.equal(opened.bias_ih_l0[5:10] + opened.bias_hh_l0[5:10], torch.ones(5))
    for name, parameter in plain.named_parameters():
        kept = torch.ones(len(parameter), dtype=torch.bool)
        kept[5:10] = not name.startswith("bias")
        assert torch.equal(parameter[kept], opened.get_parameter(name)[kept]), name


def test_learning_is_looked_at_now_and_at_the_end_and_asks_the_clock():
    clock = Counting()
    steps = list(learn(Adder(GRU(2, 3)), 4, updates=5, every=2, seed=1, clock=clock))
    assert [progress.updates for progress in steps] == [2, 4, 5]
    assert clock.asked == 5
    assert all(math.isfinite(progress.error) for progress in steps)


def test_a_network_adds_two_steps():
    torch.manual_seed(1)
    *_, last = learn(Adder(GRU(2, 16)), 2, updates=300, every=300, seed=1, clock=Counting())
    assert explained(last.error) > 0.9


def test_parameters_are_those_of_the_text():
    counts = {name: parameter_counts(Adder(layer()))[1] for name, layer in rnn_lstm.LAYERS.items()}
    assert counts == {"lstm": 17_473, "rnn, as many parameters": 17_551, "rnn, as many units": 4_417}


def test_rnn_lstm_measures_its_effects():
    clock = Counting()
    measured = rnn_lstm.measure_lengths(1, clock, (2, 4), updates=6, every=3)
    again = rnn_lstm.measure_lengths(1, Counting(), (2, 4), updates=6, every=3)
    assert dict(measured.effects) == dict(again.effects)
    best = {(row["model"], row["length"]): row["explained"] for row in measured.table}
    assert len(best) == 6
    assert measured.effects["rnn_near"] == max(best["rnn, as many parameters", 2], best["rnn, as many units", 2])
    assert measured.effects["lead_far"] == best["lstm", 4] - max(best["rnn, as many parameters", 4], best["rnn, as many units", 4])
    assert clock.asked == 36
    assert "lstm, length 2: error" in clock.said[0]


def test_lstm_gru_counts_updates_until_both_add(monkeypatch):
    monkeypatch.setattr(lstm_gru, "SOLVED", 1e9)
    measured = lstm_gru.measure_until(1, Counting(), 2, most_updates=8, every=4)
    assert dict(measured.effects) == {"parameters_saved": 0.25, "updates_saved": 0.0}
    assert [(row["updates"], row["solved"]) for row in measured.table] == [(4, True), (4, True)]


def test_a_gru_that_never_adds_speaks_against_the_claim(monkeypatch):
    monkeypatch.setattr(lstm_gru, "SOLVED", 0.0)
    measured = lstm_gru.measure_until(1, Counting(), 2, most_updates=4, every=4)
    assert measured.effects["updates_saved"] == -1.0
    assert [row["solved"] for row in measured.table] == [False, False]


@pytest.mark.parametrize("seeds", [(1, 2, 3)])
def test_figures_are_drawn_from_the_rows(seeds):
    far = [
        {"seed": seed, **row}
        for seed in seeds
        for row in rnn_lstm.measure_lengths(seed, Counting(), (2, 3), updates=2, every=1).table
    ]
    assert rnn_lstm.draw(far).to_png()[1:4] == b"PNG"
    race = [{"seed": seed, **row} for seed in seeds for row in lstm_gru.measure_until(seed, Counting(), 2, 2, 1).table]
    assert lstm_gru.draw(race).to_svg().startswith("<svg")
