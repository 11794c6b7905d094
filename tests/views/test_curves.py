"""Training curves from the records of a run."""

import json
import math

import pytest

from gyebo.views.curves import MAX_POINTS, curves


def train(step, **numbers):
    return {"kind": "train", "step": step, "epoch": step / 10, "seconds": 1.0, "tokens_per_second": 2100.0, **numbers}


def evaluate(step, **numbers):
    return {"kind": "evaluation", "step": step, "seconds": 1.0, **numbers}


RECORDS = [
    train(100, loss=3.2, rate=0.001, gradient_norm=1.3),
    evaluate(100, loss=2.9, perplexity=18.2, exact_match=0.5, best=True),
    train(200, loss=2.2, rate=0.0005, gradient_norm=2.6),
    evaluate(200, loss=2.1, perplexity=8.2, exact_match=0.75, bleu=20.1, best=True),
    evaluate(300, loss=2.3, perplexity=10.0, exact_match=0.7, bleu=19.0, best=False),
]


def test_every_metric_has_a_panel_and_bookkeeping_has_none():
    figure = curves(RECORDS)
    assert list(figure.data["series"]) == ["loss", "perplexity", "exact_match", "bleu", "rate", "gradient_norm"]
    assert len(figure.spec["concat"]) == 6
    assert figure.data["series"]["loss"] == {
        "training": [[100, 3.2], [200, 2.2]],
        "validation": [[100, 2.9], [200, 2.1], [300, 2.3]],
    }
    assert figure.data["series"]["bleu"] == {"validation": [[200, 20.1], [300, 19.0]]}


def test_the_last_best_step_is_marked_in_every_panel():
    figure = curves(RECORDS)
    assert figure.data["best_step"] == 200
    assert "best step, 200" in figure.caption
    assert json.dumps(figure.spec["concat"]).count("best: 200") == 6


def test_the_label_of_the_best_step_stands_above_the_panel_where_no_line_comes():
    for panel in curves(RECORDS).spec["concat"]:
        [label] = [layer for layer in panel["layer"] if layer["mark"]["type"] == "text"]
        assert label["mark"]["y"] < 0
        assert label["mark"]["x"] == panel["width"]
        assert "x" not in label["encoding"]


def test_metrics_are_named_as_the_field_writes_them():
    titles = {
        panel["layer"][1]["encoding"]["y"]["title"]
        for panel in curves([evaluate(1, bleu=1.0, chrf=2.0, exact_match=0.5)]).spec["concat"]
    }
    assert titles == {"BLEU", "chrF", "exact match"}


def test_no_best_step_is_no_mark():
    figure = curves([train(1, loss=1.0)])
    assert figure.data["best_step"] is None
    assert "rule" not in json.dumps(figure.spec)
    assert "best" not in figure.caption


def test_gradient_norm_and_perplexity_are_logarithmic():
    scales = {
        panel["layer"][1]["encoding"]["y"]["title"]: panel["layer"][1]["encoding"]["y"]["scale"]
        for panel in curves(RECORDS).spec["concat"]
    }
    assert [title for title, scale in scales.items() if scale.get("type") == "log"] == [
        "perplexity (log)",
        "gradient norm (log)",
    ]


def test_a_norm_of_zero_falls_back_to_a_linear_axis():
    figure = curves([train(1, gradient_norm=0.0), train(2, gradient_norm=1.0)])
    assert '"log"' not in json.dumps(figure.spec)
    assert figure.to_png().startswith(b"\x89PNG")


def test_values_that_are_not_finite_are_left_out_and_counted():
    figure = curves([train(1, loss=1.0), train(2, loss=math.nan), evaluate(2, perplexity=math.inf, loss=1.5)])
    assert figure.data["series"] == {"loss": {"training": [[1, 1.0]], "validation": [[2, 1.5]]}}
    assert "Left out: 2 values not finite." in figure.caption


def test_long_series_are_averaged_and_keep_their_mean_and_end():
    number = 3 * MAX_POINTS
    figure = curves([train(step, loss=float(step)) for step in range(1, number + 1)])
    points = figure.data["series"]["loss"]["training"]
    assert len(points) == MAX_POINTS
    assert points[-1][0] == number
    assert math.isclose(sum(value for _, value in points) / len(points), (number + 1) / 2)
    assert "averaged" in figure.caption


def test_unusual_metric_names_are_only_words():
    figure = curves([evaluate(1, **{"a.b[0]'\"</script>": 1.0, "정확도": 0.5})])
    assert list(figure.data["series"]) == ["a.b[0]'\"</script>", "정확도"]
    assert figure.to_png().startswith(b"\x89PNG")


def test_nothing_to_draw():
    for records in ([], [train(1)], [train(1, loss=math.nan)], [{"kind": "note", "step": 1, "loss": 1.0}]):
        with pytest.raises(ValueError, match=r"There are no curves to draw: .* Train some steps first\."):
            curves(records)


def test_a_record_without_step_is_named():
    with pytest.raises(ValueError, match="Record 2 of the metrics has no whole number as its 'step'"):
        curves([train(1, loss=1.0), {"kind": "train", "loss": 1.0}])


def test_draws():
    assert curves(RECORDS).to_png(1.0).startswith(b"\x89PNG")
    assert "exact match" in curves(RECORDS).to_svg()
