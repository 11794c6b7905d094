"""Entropy of attention."""

import json

import altair as alt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gyebo.views.entropy import LayerEntropy, entropy, entropy_bits


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20).filter(lambda weights: sum(weights) > 1e-3))
def test_entropy_lies_between_one_token_and_all_alike(weights):
    bits = float(entropy_bits(weights))
    assert 0 <= bits <= np.log2(len(weights)) + 1e-9
    assert float(entropy_bits([*weights, 0.0])) == pytest.approx(bits), "what is not looked at adds nothing"
    assert float(entropy_bits(np.array(weights) / 2)) == pytest.approx(bits), "rows are scaled to one before"


def test_known_values():
    np.testing.assert_allclose(entropy_bits([[0.25] * 4, [1, 0, 0, 0], [0.5, 0.25, 0.25, 0]]), [2, 0, 1.5])
    assert entropy_bits(np.full((2, 3, 4, 5), 0.2)).shape == (2, 3, 4)


def test_each_kind_has_a_table_and_empty_ones_are_left_out():
    layers = [LayerEntropy("encoder.0", [0.5, 2.5], 3.0), LayerEntropy("encoder.1", [0.0, 3.0], 3.0)]
    figure = entropy([("self-attention", layers), ("masked", []), ("한글", [LayerEntropy("decoder", [0.0], 0.0)])], 2)
    alt.Chart.from_dict(figure.spec)
    assert [table["title"]["text"] for table in figure.spec["vconcat"]] == ["self-attention", "한글"]
    assert figure.data["groups"][0]["layers"][1] == {"module": "encoder.1", "heads": [0.0, 3.0], "bound": 3.0}
    assert "3 at 8 alike" in figure.caption
    assert "2 texts" in figure.caption
    assert "one text" in entropy([("self-attention", layers)], 1).caption
    assert json.loads(figure.to_json())["data"] == figure.data
    svg = figure.to_svg()
    assert all(f">{number}<" in svg for number in ("0.50", "2.50", "3.00", "bound", "head 2"))


def test_checks():
    with pytest.raises(ValueError, match="give at least one layer"):
        entropy([("self-attention", [])], 1)
    with pytest.raises(ValueError, match="'encoder' has no heads"):
        LayerEntropy("encoder", [], 1.0)
    for wrong in (-0.5, 1.5, float("nan")):
        with pytest.raises(ValueError, match=r"entropy of head 2 of 'encoder' is .*, and it lies from 0 to 1"):
            LayerEntropy("encoder", [0.5, wrong], 1.0)
