from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from claim_clock import SilentClock

from gyebo.claims.synthetic import generator, random_strings, reversal, string_pairs
from gyebo.claims.training import Training, Writing, learning_curve, seeded, train, train_stepwise, writing
from gyebo.decoding import DecodingConfig, greedy_search
from gyebo.genealogy import architecture
from gyebo.models.interfaces import END, FIRST_TOKEN
from gyebo.tasks.next_token import teacher_forced

SETTINGS = Training(rate=1e-2, tokens=120)


@pytest.fixture
def pairs():
    return reversal(generator(1, "test"), count=60, symbols=5, shortest=1, longest=6)


def bahdanau():
    entry = architecture("bahdanau")
    sizes = {"embedding_width": 6, "width": 16, "alignment_width": 7, "readout_width": 5}
    return entry.model(entry.config(source_vocabulary=FIRST_TOKEN + 5, target_vocabulary=FIRST_TOKEN + 5, **sizes))


def trained(pairs, seed, updates=5):
    with seeded(seed):
        model = bahdanau()
        train(model, pairs, updates, SETTINGS, seed, SilentClock())
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def test_the_same_seed_gives_the_same_weights(pairs):
    assert torch.equal(trained(pairs, 3), trained(pairs, 3))
    assert not torch.equal(trained(pairs, 3), trained(pairs, 4))


def test_nothing_outside_is_drawn_or_shifted(pairs):
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    trained(pairs, 3)
    assert torch.rand(1) == expected


def test_training_learns_and_asks_the_clock(pairs):
    with seeded(1):
        model, clock = bahdanau(), SilentClock()
        before = writing(model, pairs, SilentClock()).loss
        train(model, pairs, 20, SETTINGS, 1, clock)
    assert clock.calls == 20
    assert writing(model, pairs, SilentClock()).loss < before


def test_a_learning_curve_stops_where_it_is_enough(pairs):
    def curve(enough):
        with seeded(1):
            return learning_curve(bahdanau(), pairs, pairs, SETTINGS, 1, SilentClock(), updates=7, every=3, enough=enough)

    assert [point.updates for point in curve(2.0)] == [3, 6, 7]
    assert [point.updates for point in curve(0.0)] == [3]
    assert all(later.seconds >= earlier.seconds > 0 for earlier, later in itertools.pairwise(curve(2.0)))
    with pytest.raises(ValueError, match="every=8 is to be a number from 1 to 7"):
        learning_curve(bahdanau(), pairs, pairs, SETTINGS, 1, SilentClock(), updates=7, every=8, enough=1.0)


def test_warm_up_begins_low(pairs):
    def moved(warmup):
        with seeded(1):
            model = bahdanau()
            first = model.output.weight.detach().clone()
            next(train_stepwise(model, pairs, Training(rate=1e-2, tokens=120, warmup=warmup), 1, SilentClock()))
        return float((model.output.weight.detach() - first).abs().max())

    assert moved(10) == pytest.approx(moved(0) / 10, rel=1e-3)


def test_writing_agrees_with_teacher_forcing_and_with_greedy_search(pairs):
    with seeded(2):
        model = bahdanau()
        train(model, pairs, 150, SETTINGS, 2, SilentClock())
    written = writing(model, pairs, SilentClock())
    forced = teacher_forced(model, pairs, "cpu", lambda: None)
    assert written.accuracy == pytest.approx(forced["accuracy"])
    assert written.loss == pytest.approx(forced["loss"], rel=1e-5)
    assert model.training
    source, lengths, target, _, _ = pairs.batch(np.arange(len(pairs)), "cpu")
    model.eval()
    found = greedy_search(model, source, lengths, DecodingConfig(beam=1))
    exact = [
        hypothesis.tokens == [*row[1:length].tolist(), END]
        for hypothesis, row, length in zip(found, target, pairs.target.lengths.tolist(), strict=True)
    ]
    assert 0.05 < written.exact == pytest.approx(float(np.mean(exact)))


def test_groups_of_lengths():
    written = Writing(np.array([1, 2, 4]), np.array([2, 3, 4]), np.array([1.0, 1.0, 0.5]))
    assert written.exact == pytest.approx(1 / 3)
    assert written.of_length(1, 2).lengths.tolist() == [2, 3]
    assert written.of_length(3, 3).accuracy == 1
    assert written.of_length(3, 3).loss == pytest.approx(0.5 / 4)


def test_strings_are_what_was_asked_for():
    strings = random_strings(generator(1, "a"), 300, symbols=3, shortest=2, longest=4)
    assert {len(string) for string in strings} == {2, 3, 4}
    assert {symbol for string in strings for symbol in string} == {FIRST_TOKEN, FIRST_TOKEN + 1, FIRST_TOKEN + 2}
    assert strings != random_strings(generator(1, "b"), 300, symbols=3, shortest=2, longest=4)
    assert strings == random_strings(generator(1, "a"), 300, symbols=3, shortest=2, longest=4)


def test_pairs_end_on_both_sides():
    pairs = string_pairs([[4, 5], [6]], lambda string: [*string, *string])
    source, target = pairs.source.padded(np.array([0, 1]))[0], pairs.target.padded(np.array([0, 1]))[0]
    assert source.tolist() == [[4, 5, END], [6, END, 0]]
    assert target.tolist() == [[4, 5, 4, 5, END], [6, 6, END, 0, 0]]
