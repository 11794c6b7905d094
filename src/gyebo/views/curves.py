"""Training curves: loss of training and validation, every other metric, learning rate and gradient norm by step."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import altair as alt

from gyebo.tasks.metric_wording import metric_name
from gyebo.views.axes import log_axis, log_ticks, short_number
from gyebo.views.figure import Figure, figure_of
from gyebo.views.page import clean
from gyebo.views.theme import BEST, CATEGORIES, INK

__all__ = ["curves"]

MAX_POINTS = 600  # more than the pixels across a panel

_WIDTH, _HEIGHT = 320, 170
_COLOURS = {"training": CATEGORIES[0], "validation": CATEGORIES[1]}
_DOTS = {"training": 0.0, "validation": 1.0}  # opacity
_NOT_METRICS = {"kind", "step", "epoch", "seconds", "best", "loss"}
_LOGARITHMIC = {"gradient_norm", "perplexity"}  # both change by factors

Points = list[tuple[int, float]]


def curves(records: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw the records of a run's metrics file.

    records: mappings with a "kind" ("train" or "evaluation") and a "step"; every other number in an evaluation
    (but its epoch and seconds) is a metric and has a panel of its own; of the training records, "loss", "rate" and
    "gradient_norm" are drawn. The last evaluation with a true "best" is marked. Values that are not finite are left out
    and counted in the caption; series of more than MAX_POINTS are averaged over equal stretches.
    Raises ValueError where there is nothing to draw or a record has no step.

    >>> evaluation = {"kind": "evaluation", "step": 2, "loss": 2.9, "best": True}
    >>> figure = curves([{"kind": "train", "step": 1, "loss": 3.2}, evaluation])
    >>> figure.data["best_step"], figure.data["series"]["loss"]
    (2, {'training': [[1, 3.2]], 'validation': [[2, 2.9]]})
    """
    for number, record in enumerate(records, start=1):
        if not isinstance(record.get("step"), int):
            raise ValueError(f"Record {number} of the metrics has no whole number as its 'step': {dict(record)!r}.")
    training = [record for record in records if record.get("kind") == "train"]
    evaluations = [record for record in records if record.get("kind") == "evaluation"]

    panels: dict[str, dict[str, Points]] = {
        "loss": {"training": _points(training, "loss"), "validation": _points(evaluations, "loss")},
        **{name: {"validation": _points(evaluations, name)} for name in _metric_names(evaluations)},
        "rate": {"training": _points(training, "rate")},
        "gradient_norm": {"training": _points(training, "gradient_norm")},
    }
    drawable = {
        name: {line: _average(finite) for line, points in lines.items() if (finite := _finite(points))}
        for name, lines in panels.items()
    }
    series = {name: lines for name, lines in drawable.items() if lines}
    if not series:
        raise ValueError("There are no curves to draw: no record of the metrics holds a finite number. Train some steps first.")
    best_step = next((record["step"] for record in reversed(evaluations) if record.get("best")), None)
    chart = alt.concat(
        *(_panel(name, lines, best_step) for name, lines in series.items()), columns=min(2, len(series))
    ).resolve_scale(x="shared", color="independent")
    all_lines = [points for lines in panels.values() for points in lines.values()]
    caption = _caption(best_step, all_lines)
    return figure_of("curves", "Training curves", caption, {"best_step": best_step, "series": series}, chart)


def _caption(best_step: int | None, lines: Sequence[Points]) -> str:
    sentences = ["Loss and metrics by training step, measured on the training batches and on the validation data."]
    if best_step is not None:
        sentences.append(f"The green line marks the best step, {best_step:,}.")
    if num_dropped := sum(len(points) - len(_finite(points)) for points in lines):
        sentences.append(f"Left out: {num_dropped} value{'s' * (num_dropped > 1)} not finite.")
    if any(len(points) > MAX_POINTS for points in lines):
        sentences.append(f"Long series are averaged over equal stretches, to at most {MAX_POINTS} points each.")
    return " ".join(sentences)


def _metric_names(evaluations: Iterable[Mapping[str, Any]]) -> list[str]:
    """Every metric of the evaluations, in the order in which they first appear."""
    names = {
        name: None for record in evaluations for name, value in record.items() if name not in _NOT_METRICS and _is_number(value)
    }
    return list(names)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _points(records: Iterable[Mapping[str, Any]], name: str) -> Points:
    return [(record["step"], float(record[name])) for record in records if _is_number(record.get(name))]


def _finite(points: Points) -> Points:
    return [(step, value) for step, value in points if math.isfinite(value)]


def _average(points: Points) -> list[list[float]]:
    """Step and value, averaged over equal stretches where there are more than MAX_POINTS."""
    stretch = math.ceil(len(points) / MAX_POINTS)
    groups = [points[start : start + stretch] for start in range(0, len(points), stretch)]
    return [[group[-1][0], math.fsum(value for _, value in group) / len(group)] for group in groups]


def _panel(name: str, lines: Mapping[str, list[list[float]]], best_step: int | None) -> alt.LayerChart:
    """One metric by step: a line for training and one for validation, and the best step as an upright rule."""
    title = clean(metric_name(name))
    rows = [{"step": step, "value": value, "line": line} for line, points in lines.items() for step, value in points]
    values = [row["value"] for row in rows]
    logarithmic = name in _LOGARITHMIC and min(values) > 0
    if logarithmic:
        ticks = log_ticks(min(values), max(values))
        scale = alt.Scale(type="log", domain=[ticks[0], ticks[-1]])
        axis = log_axis(ticks, [short_number(tick) for tick in ticks])
    else:
        scale = alt.Scale(zero=False, nice=True)
        axis = alt.Axis(tickCount=5, domain=False, ticks=False)
    # The title of the axis is the heading of the panel: it alone can be put at the same place in every panel.
    axis.titleAngle, axis.titleAlign, axis.titleX, axis.titleY = 0, "left", 0, -14
    axis.titleFontSize, axis.titleColor = 12, INK
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("step:Q", title="step", axis=alt.Axis(grid=False, tickCount=5)),
        y=alt.Y("value:Q", title=title + (" (log)" if logarithmic else ""), scale=scale, axis=axis),
        color=alt.Color(
            "line:N",
            title=None,
            scale=alt.Scale(domain=list(lines), range=[_COLOURS[line] for line in lines]),
            legend=alt.Legend(orient="top-right", fillColor="#ffffff", padding=4) if len(lines) > 1 else None,
        ),
        tooltip=[alt.Tooltip("line:N"), alt.Tooltip("step:Q"), alt.Tooltip("value:Q", title=title, format=".5~g")],
    )
    # Evaluations are few, so each is a dot; the dots of training steps are there for the pointer only.
    drawn = [base.mark_line()] + [
        base.transform_filter(f"datum.line == '{line}'").mark_point(size=22, filled=True, opacity=_DOTS[line]) for line in lines
    ]
    if best_step is not None:
        best = alt.Chart(alt.Data(values=[{"step": best_step}]))
        rule = best.mark_rule(color=BEST, strokeWidth=1.2, strokeDash=[4, 3]).encode(x="step:Q")
        # Above the panel, at its right end: neither a line nor the heading comes there.
        words = best.mark_text(color=BEST, align="right", x=_WIDTH, y=-20).encode(text=alt.value(f"best: {best_step:,}"))
        drawn = [rule, *drawn, words]
    return alt.LayerChart(layer=drawn, width=_WIDTH, height=_HEIGHT)
