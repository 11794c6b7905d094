"""Maps of all heads."""

import json

import altair as alt
import numpy as np
import pytest

from gyebo.views.alignment import Alignment
from gyebo.views.heads import MAX_TOKENS, heads


def uniform(num_tokens: int) -> Alignment:
    tokens = ["2009년 3월"[number % 8] for number in range(num_tokens)]
    return Alignment(tokens, tokens, np.full((num_tokens, num_tokens), 1 / num_tokens))


def grid(num_layers: int, num_heads: int, num_tokens: int):
    rows = {f"encoder.{layer}": {f"head {head}": uniform(num_tokens) for head in range(num_heads)} for layer in range(num_layers)}
    return heads("heads", "제목", "A caption.", rows)


@pytest.mark.parametrize("size", [(1, 1, 1), (3, 4, 12), (2, 8, 30)])
def test_there_is_a_row_for_each_layer_and_a_map_for_each_head(size):
    figure = grid(*size)
    alt.Chart.from_dict(figure.spec)
    assert [len(row["hconcat"]) for row in figure.spec["vconcat"]] == [size[1]] * size[0]
    assert [row["title"]["text"] for row in figure.spec["vconcat"]] == [layer["module"] for layer in figure.data["layers"]]
    assert json.loads(figure.to_json())["data"] == figure.data
    assert figure.to_png(1.0).startswith(b"\x89PNG")


def test_rows_and_columns_may_differ():
    cross = Alignment(["le", "chat", "noir"], ["the", "cat"], [[0.5, 0.25, 0.25], [0, 1, 0]])
    [layer] = heads("heads", "Heads", "A caption.", {"decoder": {"head 1": cross}}).data["layers"]
    assert layer["rows"] == ["the", "cat"]
    assert layer["columns"] == ["le", "chat", "noir"]
    assert layer["heads"]["head 1"] == [[0.5, 0.25, 0.25], [0, 1, 0]]


def test_checks():
    with pytest.raises(ValueError, match="give at least one layer with one head"):
        heads("heads", "Heads", "A caption.", {})
    with pytest.raises(ValueError, match="Maps of 41 tokens cannot be drawn readably side by side; give at most 40"):
        grid(1, 1, MAX_TOKENS + 1)
    with pytest.raises(ValueError, match="48 heads make 76,800 cells, and a figure holds 60,000"):
        grid(6, 8, MAX_TOKENS)
