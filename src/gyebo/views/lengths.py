"""Scores by the length of the source: where a model that squeezes a sentence into one vector falls off."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence

import altair as alt

from gyebo.views.figure import Figure, figure_of
from gyebo.views.page import clean
from gyebo.views.theme import CATEGORIES

__all__ = ["score_by_length"]

_WIDTH, _HEIGHT = 420, 200


def score_by_length(lengths: Sequence[str], scores: Mapping[str, Sequence[float]], score: str = "BLEU") -> Figure:
    """One line a model over groups of sentences, as figure 2 of Bahdanau, Cho and Bengio 2014 (1409.0473).

    lengths: the groups, shortest first, such as "4-7" words.  scores: name -> (groups,), one finite number a group.
    score: its name on the axis; it is not below zero.
    Raises ValueError where there is no group or model, a line has another length, or a score is not finite.

    >>> score_by_length(["1-9", "10-30"], {"seq2seq": [30.5, 12.0]}).data["scores"]
    {'seq2seq': [30.5, 12.0]}
    """
    if not lengths or not scores:
        raise ValueError("There are no scores to draw: give at least one group of lengths and one model.")
    if len(scores) > len(CATEGORIES):
        raise ValueError(f"{len(scores)} lines cannot be told apart in one figure; give at most {len(CATEGORIES)} models.")
    for name, values in scores.items():
        if len(values) != len(lengths):
            raise ValueError(f"{name!r} has {len(values)} scores, but there are {len(lengths)} groups of lengths.")
        if not all(math.isfinite(value) for value in values):
            raise ValueError(f"The scores of {name!r} hold a value that is not finite: {list(values)}.")
    rows = [
        {"model": clean(name), "group": group, "score": value}
        for name, values in scores.items()
        for group, value in enumerate(values)
    ]
    names = [clean(name) for name in scores]
    shown = f"{json.dumps([clean(length) for length in lengths])}[datum.value]"
    chart = (
        alt.Chart(alt.Data(values=rows), width=_WIDTH, height=_HEIGHT)
        .mark_line(point={"size": 40, "filled": True})
        .encode(
            x=alt.X("group:O", title="words in the source", axis=alt.Axis(labelExpr=shown, labelAngle=0, grid=False)),
            y=alt.Y(
                "score:Q",
                title=clean(score),
                scale=alt.Scale(domainMin=0),
                axis=alt.Axis(tickCount=5, domain=False, ticks=False),
            ),
            color=alt.Color(
                "model:N",
                title=None,
                scale=alt.Scale(domain=names, range=list(CATEGORIES[: len(names)])),
                legend=alt.Legend(symbolType="stroke") if len(names) > 1 else None,
            ),
            tooltip=[alt.Tooltip("model:N"), alt.Tooltip("score:Q", title=clean(score), format=".2f")],
        )
    )
    caption = f"{score} of groups of sentences by the number of words in the source, shortest on the left."
    data = {"lengths": list(lengths), "scores": {name: list(values) for name, values in scores.items()}}
    return figure_of("score-by-length", f"{score} by source length", caption, data, chart)
