"""Gates over time."""

import json

import numpy as np
import pytest

from gyebo.views.gates import MAX_TOKENS, MAX_UNITS, gates


def random_gate(num_tokens, num_units, seed=0):
    return np.random.default_rng(seed).random((num_tokens, num_units))


def test_units_are_sorted_by_their_mean_and_the_numbers_agree():
    values = random_gate(5, 16)
    data = gates(list("abcde"), {"update": values}).data["gates"]["update"]
    assert data["units"] == np.argsort(values.mean(0)).tolist()
    np.testing.assert_allclose(data["values"], values[:, data["units"]])
    np.testing.assert_allclose(data["mean"], values.mean(1))
    np.testing.assert_allclose(data["percentile_10"], np.percentile(values, 10, axis=1))
    np.testing.assert_allclose(data["percentile_90"], np.percentile(values, 90, axis=1))


def test_many_units_are_sampled_evenly_with_both_ends_and_the_caption_says_so():
    values = random_gate(3, 1000)
    figure = gates(["a", "b", "c"], {"update": values})
    order = np.argsort(values.mean(0))
    units = figure.data["gates"]["update"]["units"]
    assert len(units) == len(set(units)) == MAX_UNITS
    assert (units[0], units[-1]) == (order[0], order[-1])
    np.testing.assert_allclose(figure.data["gates"]["update"]["mean"], values.mean(1))  # of all units
    assert "64 evenly sampled of 1000 units" in figure.caption
    assert "all 16 units" in gates(["a"], {"update": random_gate(1, 16)}).caption


def test_negative_values_take_the_diverging_scale():
    def domain(values):
        return gates(["a", "b"], {"cell": values}).spec["concat"][0]["vconcat"][0]["encoding"]["color"]["scale"]["domain"]

    assert domain(random_gate(2, 5)) == [0.0, 1.0]
    assert domain(random_gate(2, 5) - 0.5) == [-1.0, 1.0]
    assert domain(np.array([[-3.0, 0.5], [0.0, 1.0]])) == [-3.0, 3.0]
    assert domain(np.array([[4.0, 0.5], [0.0, 1.0]])) == [0.0, 4.0]


@pytest.mark.parametrize("num_tokens", [1, 14, 30])
def test_draws_all_gates_of_an_lstm(num_tokens):
    tokens = (list("2009년 3월\x00é") * 10)[:num_tokens]
    named = {name: random_gate(num_tokens, 70) for name in ("input", "forget", "output", "cell")}
    figure = gates(tokens, named)
    assert len(figure.spec["concat"]) == 4
    assert figure.spec["columns"] == (2 if num_tokens <= 20 else 1)
    assert json.loads(figure.to_json())["data"] == figure.data
    assert figure.to_png(1.0).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("tokens", "named", "message"),
    [
        ([], {"update": np.zeros((0, 3))}, "at least one token and one gate"),
        (["a"], {}, "at least one token and one gate"),
        (["a", "b"], {"update": np.zeros((3, 2))}, r"Gate 'update' has shape \(3, 2\), but 2 tokens need \(2, D\)"),
        (["a", "b"], {"update": np.zeros(2)}, r"Gate 'update' has shape \(2,\)"),
        (["a"], {"update": np.zeros((1, 0))}, r"has shape \(1, 0\)"),
        (["a"], {"update": [[0.0, np.nan]]}, "not finite, first at token 0, unit 1"),
        (["a"] * (MAX_TOKENS + 1), {"update": np.zeros((MAX_TOKENS + 1, 1))}, "give at most 256"),
    ],
)
def test_checks(tokens, named, message):
    with pytest.raises(ValueError, match=message):
        gates(tokens, named)
