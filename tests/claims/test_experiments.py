"""The experiments on attention and the Transformer at sizes of a second or two: what they give, and that they give it again."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
import torch
from claim_clock import Clock, measured_twice

from gyebo.claims import (
    bahdanau_luong,
    gru_rnn_encoder_decoder,
    lstm_seq2seq,
    luong_local,
    luong_transformer,
    rnn_encoder_decoder_bahdanau,
    seq2seq_bahdanau,
    soft_hard,
    transduction,
    transformer_heads,
    transformer_positions,
    transformer_scaling,
)
from gyebo.claims.synthetic import generator, reversal
from gyebo.claims.training import Budget, seeded, train
from gyebo.genealogy import architecture
from gyebo.layers.multi_head import scaled_dot_product
from gyebo.models.attention.hard_attention import HardAttention
from gyebo.models.attention.luong import Luong
from gyebo.models.interfaces import END, FIRST_TOKEN

TINY = Budget(updates=2, training_pairs=80, test_pairs=20)
EXPERIMENTS = {
    "bahdanau-luong": partial(bahdanau_luong.measure, budget=TINY),
    "gru-rnn-encoder-decoder": partial(gru_rnn_encoder_decoder.measure, budget=TINY),
    "lstm-seq2seq": partial(lstm_seq2seq.measure, budget=TINY),
    "luong-local": partial(luong_local.measure, budget=TINY),
    "luong-transformer": partial(luong_transformer.measure, budget=TINY),
    "rnn-encoder-decoder-bahdanau": partial(rnn_encoder_decoder_bahdanau.measure, budget=TINY),
    "seq2seq-bahdanau": partial(seq2seq_bahdanau.measure, budget=TINY),
    "soft-hard": partial(soft_hard.measure, budget=TINY),
    "transformer-heads": partial(transformer_heads.measure, updates=2),
    "transformer-positions": partial(transformer_positions.measure, budget=TINY),
    "transformer-scaling": partial(transformer_scaling.measure, budget=TINY),
}
# these effects and columns come from the wall clock, which never gives the same twice
TIMES = {"scoring_speedup", "time_saved", "speed_gained", "seconds", "milliseconds", "tokens/s"}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_an_experiment_repeats_itself_and_is_drawn(name, monkeypatch):
    monkeypatch.setattr(luong_transformer, "TIMED_LENGTHS", (4, 8))
    monkeypatch.setattr(soft_hard, "DRAWS", 3)
    monkeypatch.setattr(bahdanau_luong, "ROUNDS", 1)
    monkeypatch.setattr(transformer_heads, "TEST", 20)
    _, clock = measured_twice(name, EXPERIMENTS[name], TIMES)
    assert clock.said


def test_the_fixed_vectors_have_the_more_parameters():
    table = seq2seq_bahdanau.measure(1, Clock(), TINY).table
    parameters = {row["model"]: row["parameters"] for row in table}
    assert min(parameters["seq2seq"], parameters["rnn-encoder-decoder"]) > parameters["bahdanau"]
    assert {row["updates"] for row in table if row["model"] == "bahdanau"} == {1}


@pytest.mark.parametrize("module", [bahdanau_luong, luong_transformer])
def test_compared_models_are_of_a_size(module, monkeypatch):
    monkeypatch.setattr(luong_transformer, "TIMED_LENGTHS", (4,))
    monkeypatch.setattr(bahdanau_luong, "ROUNDS", 1)
    parameters = {row["parameters"] for row in module.measure(1, Clock(), TINY).table if "parameters" in row}
    assert max(parameters) / min(parameters) < 1.05


class TestPositions:
    def test_the_bag_bounds_count_what_a_reader_of_a_bag_gets_right(self):
        """Against every order of three symbols, written by a reader that takes what is left in alphabetical order."""
        right = [sum(order[place] == sorted(order[place:])[0] for place in range(3)) + 1 for order in ORDERS_OF_THREE]
        assert transformer_positions.bag_accuracy(3) == pytest.approx(np.mean(right) / 4)
        assert transformer_positions.bag_loss(3) == pytest.approx(math.log(6) / 4)

    def test_strings_hold_each_symbol_once(self):
        pairs = transformer_positions.orders(generator(1, "test"), 20)
        source, _ = pairs.source.padded(np.arange(20))
        assert all(len(set(row.tolist())) == transformer_positions.LENGTH + 1 for row in source)
        assert torch.equal(source, pairs.target.padded(np.arange(20))[0])

    def test_only_without_positions_the_order_of_the_source_changes_nothing(self):
        pairs = transformer_positions.orders(generator(1, "test"), 20)
        with seeded(1):
            change = {
                name: transformer_positions.largest_change(build(), pairs) for name, build in transformer_positions.MODELS.items()
            }
        assert change.pop("none") < 1e-5
        assert min(change.values()) > 1e-3


ORDERS_OF_THREE = [(1, 2, 3), (1, 3, 2), (2, 1, 3), (2, 3, 1), (3, 1, 2), (3, 2, 1)]


class TestScaling:
    def test_without_scaling_is_a_softmax_of_the_plain_products(self):
        with seeded(1):
            model = transformer_scaling._transformer(32)
        attention = model.encoder[0].attention
        sequence = torch.randn(2, 5, transformer_scaling.WIDTH)
        query, key, value = attention.queries_keys_values(sequence)
        expected = attention.merge((query @ key.transpose(-2, -1)).softmax(-1) @ value)
        scaled = attention.merge(scaled_dot_product(query, key, value)[0])
        torch.testing.assert_close(attention(sequence), scaled)
        transformer_scaling.without_scaling(model)
        torch.testing.assert_close(attention(sequence), expected)
        for layer in model.decoder:
            assert hasattr(layer.masked_attention, "parametrizations")
            assert hasattr(layer.cross_attention, "parametrizations")

    def test_saturation_against_the_jacobian_written_out(self):
        scores = torch.tensor([[0.5, -1.0, 2.0]], dtype=torch.float64)
        jacobian = torch.autograd.functional.jacobian(lambda row: row.softmax(-1), scores[0])
        found = transformer_scaling.saturation(scores)
        assert found["jacobian"] == pytest.approx(float(jacobian.norm()))
        weights = scores.softmax(-1)
        assert found["entropy"] == pytest.approx(float(-(weights * weights.log()).sum()))
        assert found["largest weight"] == pytest.approx(float(weights.max()))
        assert transformer_scaling.saturation(1000 * scores)["entropy"] == 0


class TestHeads:
    def test_answers_are_the_values_of_the_keys_asked_for(self):
        lookups = transformer_heads.draw_lookups(10, torch.Generator().manual_seed(1))
        for keys, values, asked, answers in zip(*lookups, strict=True):
            table = dict(zip(keys.tolist(), values.tolist(), strict=True))
            assert sorted(table) == list(range(transformer_heads.KEYS))
            assert [table[key] for key in asked.tolist()] == answers.tolist()
            assert len(set(asked.tolist())) == transformer_heads.ASKED

    def test_the_order_of_the_memory_says_nothing(self):
        with seeded(1):
            model = transformer_heads.Reader(4)
        keys, values, asked, _ = transformer_heads.draw_lookups(3, torch.Generator().manual_seed(1))
        torch.testing.assert_close(model(keys, values, asked), model(keys.flip(1), values.flip(1), asked), rtol=1e-4, atol=1e-5)

    def test_heads_cost_no_parameters(self):
        rows = transformer_heads.measure(1, Clock(), updates=1).table
        assert len({row["parameters"] for row in rows}) == 1
        assert {row["heads"] * row["head width"] for row in rows} == {transformer_heads.WIDTH}


class TestLocal:
    @pytest.mark.parametrize("order", luong_local.ORDERS)
    def test_values_are_written_by_number(self, order):
        pairs = luong_local.numbered_values(generator(1, "test"), 30, order)
        in_order = 0
        for row in range(30):
            source, target = (side.padded(np.array([row]))[0][0].tolist() for side in (pairs.source, pairs.target))
            symbols = [divmod(symbol - FIRST_TOKEN, luong_local.VALUES) for symbol in source[:-1]]
            in_order += symbols == sorted(symbols)
            assert target == [*(FIRST_TOKEN + value for _, value in sorted(symbols)), END]
            assert [number for number, _ in sorted(symbols)] == list(range(len(symbols)))
        assert in_order == (30 if order == "monotone" else 0)

    def test_windows_read_no_more_than_their_width(self):
        pairs = luong_local.numbered_values(generator(1, "test"), 10, "monotone")
        longest = int(pairs.source.lengths.max())
        with seeded(1):
            most = {
                name: luong_local.positions_read(Luong(luong_local._config(choices)), pairs)[1]
                for name, choices in luong_local.MODELS.items()
            }
        assert most["global"] == most["location"] == longest
        assert max(most["local-m"], most["local-p"]) <= 2 * luong_local.HALF_WINDOW + 1 < longest


class TestHard:
    @pytest.fixture
    def pairs(self):
        return reversal(generator(1, "test"), 30, soft_hard.SYMBOLS, soft_hard.SHORTEST, soft_hard.LONGEST)

    def test_hard_reading_is_one_place(self, pairs):
        with seeded(1):
            soft, *hard = (HardAttention(soft_hard._config(choices)) for choices in soft_hard.READINGS.values())
        assert [soft_hard.positions_read(model, pairs) for model in hard] == [(1.0, 1)] * 2
        assert soft_hard.positions_read(soft, pairs)[0] > 3

    def test_the_variance_is_that_of_the_draws_and_leaves_the_model_as_it_was(self, pairs):
        with seeded(1):
            model = HardAttention(soft_hard._config(soft_hard.READINGS["hard"]))
            train(model, pairs, 2, soft_hard.TRAINING, 1, Clock())
            before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
            variance = soft_hard.gradient_variance(model, pairs, 8, Clock())
        assert variance["without"] > variance["with baseline"] > 0
        assert model.training
        assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_the_additive_score_is_timed_apart_from_the_product(monkeypatch):
    monkeypatch.setattr(bahdanau_luong, "ROUNDS", 1)
    seconds = bahdanau_luong.scoring_seconds()
    assert seconds.keys() == {"additive", "general"}
    assert min(seconds.values()) > 0


def test_sequential_steps_grow_with_the_sentence_only_where_a_state_is_carried():
    steps = {name: [luong_transformer.sequential_steps(name, length) for length in (16, 256)] for name in luong_transformer.MODELS}
    assert steps["transformer"] == [5, 5]
    assert steps["luong, no feeding"] == [33, 513]
    assert steps["luong, input feeding"] == [48, 768]


def test_a_network_in_step_knows_nothing_of_what_it_has_not_read():
    torch.manual_seed(0)
    network = architecture("gru").model(architecture("gru").config(vocabulary=12, embedding_width=6, width=8)).eval()
    model = transduction.InStep(network)
    source, lengths = torch.tensor([[4, 5, 6, 3]]), torch.tensor([4])
    other, target = torch.tensor([[4, 5, 7, 3]]), torch.zeros(1, 6, dtype=torch.long)
    here, there = (model.features(tokens, lengths, target) for tokens in (source, other))
    assert here.shape == (1, 6, 8)
    assert torch.equal(here[:, :2], there[:, :2])
    assert not torch.equal(here[:, 2:4], there[:, 2:4])
    assert not here[:, 4:].any()
    assert torch.equal(model.features(source, lengths, target[:, :2]), here[:, :2])


def test_the_two_tasks_in_step_and_of_its_own_length():
    string = [FIRST_TOKEN + symbol for symbol in (1, 2, 7, 4)]
    assert transduction.in_step(string) == [FIRST_TOKEN + symbol for symbol in (1, 3, 1, 3)]
    assert transduction.of_its_own_length(string) == [FIRST_TOKEN + symbol for symbol in (2, 4)]
