"""Attention weights as heat maps."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gyebo.views.alignment import MAX_TOKENS, Alignment, alignment, alignments

TOKENS = st.lists(st.text(st.characters(), max_size=8), min_size=1, max_size=5)


def uniform(num_target: int, num_source: int) -> np.ndarray:
    return np.full((num_target, num_source), 1 / num_source)


def test_the_numbers_are_kept_whole():
    weights = np.array([[1 / 3, 1 / 3, 1 / 3], [0.125, 0.625, 0.25]])
    figure = alignment(["le", "chat", "noir"], ["the", "cat"], weights)
    example = figure.data["examples"][0]
    assert example == {
        "source_tokens": ["le", "chat", "noir"],
        "target_tokens": ["the", "cat"],
        "weights": weights.tolist(),
    }
    assert json.loads(figure.to_json())["data"] == figure.data


def test_source_stands_on_top_and_target_on_the_left_by_position():
    encoding = alignment(["le", "chat", "le"], ["the", "cat"], uniform(2, 3)).spec["vconcat"][0]["encoding"]
    assert encoding["x"]["axis"]["orient"] == "top"
    assert encoding["x"]["axis"]["labelExpr"] == '["le", "chat", "le"][datum.value]'
    assert encoding["y"]["axis"]["orient"] == "left"
    assert encoding["y"]["axis"]["labelExpr"] == '["the", "cat"][datum.value]'
    assert encoding["color"]["scale"]["domain"] == [0, 1]


def test_repeated_tokens_keep_their_own_columns():
    """With labels as the axis the three equal tokens would fall into one column, as wide as the figure of one token."""
    repeated = alignment(["la", "la", "la"], ["the"], [[0.2, 0.3, 0.5]]).to_svg()
    assert repeated.count(">la<") == 3


@pytest.mark.parametrize(
    "tokens",
    [
        list("2009년 3월 3일 화요일"),
        ["L'", "accord", "économique"],
        ["👩‍🔬", "😀"],
        ["Donaudampfschiff"] * 70,
        ["a" * 500],
        ["", "\x00"],
    ],
    ids=["hangul", "accents", "emoji", "long sentence", "long word", "invisible"],
)
def test_draws_every_kind_of_token(tokens):
    figure = alignment(tokens, tokens, np.eye(len(tokens)))
    assert figure.to_png(1.0).startswith(b"\x89PNG")


def test_characters_stand_upright_and_words_lean():
    def angle(tokens):
        return alignment(tokens, ["x"], uniform(1, len(tokens))).spec["vconcat"][0]["encoding"]["x"]["axis"]["labelAngle"]

    assert angle(list("2009년 3월")) == 0
    assert angle(["accord", "économique"]) == -45
    assert angle(["accord"] * 70) == -90


def test_several_examples_in_one_figure():
    figure = alignments([Alignment(["a"], ["b", "c"], uniform(2, 1)), Alignment(["d", "e"], ["f"], uniform(1, 2))])
    assert len(figure.spec["vconcat"]) == len(figure.data["examples"]) == 2
    assert figure.to_png(1.0).startswith(b"\x89PNG")


def test_half_precision_rounding_is_no_error():
    alignment(["a", "b", "c"], ["d"], [[0.333, 0.333, 0.333]])


@pytest.mark.parametrize(
    ("source", "target", "weights", "message"),
    [
        (
            2,
            3,
            uniform(2, 3),
            r"have shape \(2, 3\), but 3 target and 2 source tokens need \(3, 2\)\. They look transposed",
        ),
        (2, 2, uniform(2, 3), r"have shape \(2, 3\), but 2 target and 2 source tokens need \(2, 2\)\.$"),
        (2, 1, [0.5, 0.5], r"have shape \(2,\)"),
        (
            2,
            1,
            [[1.5, -0.5]],
            r"Row 1 .*\(target token 't0'\) holds the negative weight -0.5; weights are shares of one",
        ),
        (
            2,
            2,
            [[0.5, 0.5], [0.5, 0.6]],
            r"Row 2 .*\(target token 't1'\) sums to 1.1, but a row shares out at most 1, and not nothing",
        ),
        (2, 2, [[0.5, 0.5], [0.0, 0.0]], r"Row 2 .*\(target token 't1'\) sums to 0, but a row shares out at most 1"),
        (2, 1, [[np.nan, 1.0]], "Row 1 .* holds a value that is not finite"),
        (0, 1, np.zeros((1, 0)), "needs tokens on both sides; there are 0 source and 1 target"),
        (1, MAX_TOKENS + 1, uniform(MAX_TOKENS + 1, 1), "cannot be drawn readably; give at most 256 on each side"),
    ],
)
def test_checks(source, target, weights, message):
    source_tokens, target_tokens = [f"s{index}" for index in range(source)], [f"t{index}" for index in range(target)]
    with pytest.raises(ValueError, match=message):
        alignment(source_tokens, target_tokens, weights)


def test_no_examples():
    with pytest.raises(ValueError, match="no alignments to draw: the list of examples is empty"):
        alignments([])


@settings(max_examples=25, deadline=None)
@given(TOKENS, TOKENS)
def test_any_tokens_are_drawn_and_round_trip(source, target):
    figure = alignment(source, target, uniform(len(target), len(source)))
    assert json.loads(figure.to_json())["data"] == figure.data
    assert figure.data["examples"][0]["source_tokens"] == source
    assert figure.to_png(1.0).startswith(b"\x89PNG")
    assert "<script" not in figure.to_svg()


def test_rows_of_local_attention_may_sum_to_less_than_one_and_the_caption_says_so():
    assert "Every row sums to one." in alignment(["a", "b"], ["c"], [[0.5, 0.5]]).caption
    assert "A row sums to one, or to less" in alignment(["a", "b"], ["c"], [[0.5, 0.1]]).caption
