"""The figure of a computational graph: its numbers, and that nothing on it meets."""

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gyebo.backprop import Variable, affine, matrix_product, multiply, relu, softmax_with_loss, tanh, tanh_gelu
from gyebo.views.graph import MAX_OPERATIONS, graph
from gyebo.views.tokens import width_in_em


def apples() -> Variable:
    """The example of the book: 2 apples at 100, tax 1.1."""
    apple, number, tax = Variable(100, "apple"), Variable(2, "number of apples"), Variable(1.1, "tax")
    price = apple * number * tax
    price.name = "price"
    return price


def rows(figure, mark, text=""):
    """The data of the layer with this mark, and where it is a text, this field."""
    layers = [layer for layer in figure.spec["layer"] if layer["mark"]["type"] == mark]
    [layer] = [layer for layer in layers if not text or layer["encoding"]["text"]["field"] == text]
    return layer["data"]["values"]


def test_two_apples_with_values_and_gradients():
    price = apples()
    price.backward()
    figure = graph(price)
    nodes = [node["name"] for node in figure.data["nodes"]]
    assert nodes == ["apple", "number of apples", "×", "tax", "×", "price"]
    carried = {
        (nodes[edge["from"]], nodes[edge["to"]]): (edge["value"], pytest.approx(edge["gradient"])) for edge in figure.data["edges"]
    }
    assert carried == {
        ("apple", "×"): (100, 2.2),
        ("number of apples", "×"): (2, 110),
        ("×", "×"): (200, 1.1),
        ("tax", "×"): (1.1, 200),
        ("×", "price"): (pytest.approx(220), 1),
    }
    labels = [(row["value"], row["gradient"]) for row in rows(figure, "text", "value")]
    assert labels == [("100", "2.2"), ("2", "110"), ("200", "1.1"), ("1.1", "200"), ("220", "1")]
    assert "gradient of the final result" in figure.caption
    assert json.loads(figure.to_json())["data"] == figure.data


def test_before_the_backward_pass_there_are_values_alone():
    figure = graph(apples())
    assert {edge["gradient"] for edge in figure.data["edges"]} == {None}
    assert "gradient" not in figure.caption
    assert "gradient" not in json.dumps(figure.spec["title"])


def test_each_use_has_its_edge_and_the_box_tells_the_sum():
    x = Variable(3.0, "x")
    (x * x + x).backward()
    result = x * x + x
    result.backward()
    figure = graph(result)
    assert [edge["gradient"] for edge in figure.data["edges"] if edge["from"] == 0] == [3, 3, 1]
    assert [row["sum"] for row in rows(figure, "text", "sum")] == ["sum 7", "", "", ""]
    assert "add up to the sum" in figure.caption


def test_arrays_are_told_by_shape_and_norm():
    x, weight, bias = Variable(np.full((2, 2), 3.0), "x"), Variable(np.eye(2)), Variable([1, -2])
    result = softmax_with_loss(relu(affine(x, weight, bias)), [0, 1])
    result.backward()
    figure = graph(result)
    labels = [row["value"] for row in rows(figure, "text", "value")]
    assert labels[:3] == ["(2, 2), norm 6", "(2, 2), norm 1.41", "[1, -2]"]
    names = [node["name"] for node in figure.data["nodes"]]
    assert names == ["x", "input", "input", "affine", "ReLU", "softmax with loss", "result"]


def test_operations_have_readable_names():
    figure = graph(tanh_gelu(matrix_product(np.eye(2), np.eye(2)) + 1.0))
    assert [node["name"] for node in figure.data["nodes"] if node["kind"] == "operation"] == ["matrix product", "+", "GELU (tanh)"]


def test_large_arrays_and_numbers_that_are_not_finite_are_left_out_of_the_data():
    figure = graph(multiply(np.ones((9, 9)), np.inf))
    assert [edge["value"] for edge in figure.data["edges"]] == [None, None, None]
    assert [edge["value_norm"] for edge in figure.data["edges"]] == [9, None, None]
    assert "inf" in [row["value"] for row in rows(figure, "text", "value")]
    assert figure.to_png(1.0).startswith(b"\x89PNG")


def test_unusual_names_are_only_words():
    x = Variable(1.0, "정확도</script>\n\x00\ud800" + "x" * 100)
    figure = graph(x * 2.0)
    assert figure.data["nodes"][0]["name"].startswith("정확도</script> ")
    assert figure.data["nodes"][0]["name"].endswith("…")
    assert figure.to_png(1.0).startswith(b"\x89PNG")


def test_a_given_variable_is_no_graph():
    with pytest.raises(ValueError, match=r"There is no graph to draw: .* Draw the result of an operation\."):
        graph(Variable(1.0))


def test_a_graph_too_large_to_read_is_refused():
    result = Variable(1.0)
    for _ in range(MAX_OPERATIONS):
        result = result + 1.0
    assert len(graph(result).data["nodes"]) == 2 * MAX_OPERATIONS + 2
    with pytest.raises(ValueError, match=rf"has {MAX_OPERATIONS + 1} operations, .* Draw a part of it"):
        graph(result + 1.0)


@st.composite
def any_graph(draw):
    """A result computed from two inputs in up to twelve operations, each of any two variables before it."""
    variables = [Variable(draw(st.floats(-2, 2)), "a"), Variable(draw(st.floats(-2, 2)), "second input")]
    for _ in range(draw(st.integers(1, 12))):
        one, other = (variables[draw(st.integers(0, len(variables) - 1))] for _ in range(2))
        variables.append(tanh(one) if draw(st.booleans()) else one * other)
    result = variables[-1]
    result.backward()
    return result


def rectangles(figure):
    """(left, top, right, bottom) of every box, value and gradient; letters are taken as ten pixels high."""
    boxes = [(row["x"], row["y"], row["x2"], row["y2"]) for row in rows(figure, "rect")]
    words = []
    for row in rows(figure, "text", "value"):
        for text, middle in ((row["value"], row["y"] - 9), (row["gradient"], row["y"] + 10)):
            half = 11 * width_in_em(text) / 2
            words.append((row["x"] - half, middle - 5, row["x"] + half, middle + 5))
    return boxes, words


@settings(deadline=None, max_examples=20)
@given(any_graph())
def test_nothing_overlaps(result):
    figure = graph(result)
    boxes, words = rectangles(figure)
    everything = boxes + words
    for number, (left, top, right, bottom) in enumerate(everything):
        assert left >= -1e-6
        assert top >= -1e-6
        assert right <= figure.spec["width"] + 1e-6
        assert bottom <= figure.spec["height"] + 1e-6
        for other_left, other_top, other_right, other_bottom in everything[:number]:
            assert right <= other_left or other_right <= left or bottom <= other_top or other_bottom <= top
    bends = rows(figure, "line")
    for one, other in pairwise(bends):
        if one["edge"] != other["edge"]:
            continue
        assert one["x"] < other["x"] + 1e-6
        # An edge that rises or falls does it where there is neither a box nor a word; a level one is on its way or ends at a box.
        for left, top, right, bottom in everything:
            beside = other["x"] <= left + 1e-6 or right <= one["x"] + 1e-6
            level = abs(one["y"] - other["y"]) < 1e-6
            assert beside or (level and not top < one["y"] < bottom)


def test_draws():
    price = apples()
    price.backward()
    assert graph(price).to_png(1.0).startswith(b"\x89PNG")
    assert "number of apples" in graph(price).to_svg()
