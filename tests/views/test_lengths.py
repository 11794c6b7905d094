"""Scores by length: one line a model, and nothing that cannot be drawn."""

import math

import altair as alt
import pytest

from gyebo.views.lengths import score_by_length


def test_each_model_has_a_line_over_the_groups():
    figure = score_by_length(["1-9", "10-30"], {"seq2seq": [30.0, 12.0], "bahdanau": [31.0, 29.0]}, "chrF")
    assert figure.data == {"lengths": ["1-9", "10-30"], "scores": {"seq2seq": [30.0, 12.0], "bahdanau": [31.0, 29.0]}}
    assert "chrF" in figure.title
    assert figure.spec["description"] == figure.caption
    alt.Chart.from_dict(figure.spec)
    for word in ("1-9", "10-30", "seq2seq", "bahdanau", "chrF"):
        assert word in figure.to_svg(), word


def test_one_model_has_no_legend():
    assert "seq2seq</text>" not in score_by_length(["1", "2"], {"seq2seq": [1.0, 0.0]}).to_svg()


def test_a_label_cannot_leave_its_expression():
    assert "it's" in score_by_length(["it's", '"\\'], {"a": [1.0, 2.0]}).to_svg()


@pytest.mark.parametrize(
    ("lengths", "scores", "message"),
    [
        ([], {"a": []}, "at least one group"),
        (["1"], {}, "at least one"),
        (["1", "2"], {"a": [1.0]}, "'a' has 1 scores, but there are 2 groups"),
        (["1"], {"a": [math.nan]}, "not finite"),
        (["1"], {str(number): [1.0] for number in range(9)}, "at most 7 models"),
    ],
)
def test_what_cannot_be_drawn_is_refused(lengths, scores, message):
    with pytest.raises(ValueError, match=message):
        score_by_length(lengths, scores)
