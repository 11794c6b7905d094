"""lstm -> gru: three gates' worth of weights instead of four and no separate cell, for the same task and no more updates.

The adding problem at 50 steps, with as many units in both. Cho et al. say of their unit that it is "motivated by the LSTM unit but is
much simpler to compute and implement"; that it learns no slower is what this tries.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import altair as alt
import torch

from gyebo.claims.adding import Adder, learn, open_forget_gate
from gyebo.claims.interface import Claim, Clock, Effect, Measurement
from gyebo.genealogy import parameter_counts
from gyebo.layers import GRU, LSTM
from gyebo.layers.recurrent import Recurrent
from gyebo.training.randomness import mix
from gyebo.views.axes import log_axis, log_ticks, short_number
from gyebo.views.figure import Figure, figure_of
from gyebo.views.theme import BEST, CATEGORIES

LENGTH = 50
SOLVED = 0.01
"""the squared error at which a network counts as adding: 6 % of the variance is left"""
MOST_UPDATES = 5000
EVERY = 50

LAYERS: dict[str, Callable[[], Recurrent]] = {"lstm": lambda: open_forget_gate(LSTM(2, 64)), "gru": lambda: GRU(2, 64)}


def measure(seed: int, clock: Clock) -> Measurement:
    """Train both until they add; how many updates and how many parameters did each need?"""
    return measure_until(seed, clock, LENGTH, MOST_UPDATES, EVERY)


def measure_until(seed: int, clock: Clock, length: int, most_updates: int, every: int) -> Measurement:
    """`measure` at sizes of one's own."""
    rows = {name: _train(name, length, seed, clock, most_updates, every) for name in LAYERS}
    lstm, gru = rows["lstm"], rows["gru"]
    needed = gru["updates"] if gru["solved"] else 2 * most_updates  # a GRU that never adds speaks against the claim
    return Measurement(
        effects={
            "parameters_saved": 1 - gru["layer_parameters"] / lstm["layer_parameters"],
            "updates_saved": math.log2(lstm["updates"] / needed),
        },
        table=[*rows.values()],
    )


def _train(name: str, length: int, seed: int, clock: Clock, most_updates: int, every: int) -> dict[str, Any]:
    torch.default_generator.manual_seed(mix(seed, length))  # no model's weights depend on what was trained before it
    model = Adder(LAYERS[name]())
    begun = time.monotonic()
    curve = []
    for progress in learn(model, length, updates=most_updates, every=every, seed=seed, clock=clock):
        curve.append([progress.updates, round(progress.error, 6)])
        clock.say(f"{name}: error {progress.error:.4f} after {progress.updates:,} updates")
        if progress.error < SOLVED:
            break
    seconds = time.monotonic() - begun
    updates, error = curve[-1]
    return {
        "model": name,
        "layer_parameters": parameter_counts(model.layer)[1],
        "parameters": parameter_counts(model)[1],
        "solved": error < SOLVED,
        "updates": updates,
        "seconds": round(seconds, 1),
        "ms_per_update": round(1000 * seconds / updates, 2),
        "curve": curve,
    }


def draw(rows: list[dict[str, Any]]) -> Figure:
    """The test error while training, a line a seed, down to the error that counts as adding."""
    points = [
        {"seed": row["seed"], "model": row["model"], "updates": updates, "error": error}
        for row in rows
        for updates, error in row["curve"]
    ]
    errors = [point["error"] for point in points] + [SOLVED]
    ticks = log_ticks(min(errors), max(errors))
    lines = (
        alt.Chart(alt.Data(values=points), width=460, height=230)
        .mark_line(strokeWidth=1.4, opacity=0.85)
        .encode(
            x=alt.X("updates:Q", title="updates", axis=alt.Axis(grid=False, tickCount=6)),
            y=alt.Y(
                "error:Q",
                title="squared error (log)",
                scale=alt.Scale(type="log", domain=[ticks[0], ticks[-1]], nice=False),
                axis=log_axis(ticks, [short_number(tick) for tick in ticks]),
            ),
            color=alt.Color(
                "model:N",
                title=None,
                scale=alt.Scale(domain=list(LAYERS), range=list(CATEGORIES[: len(LAYERS)])),
                legend=alt.Legend(symbolType="stroke"),
            ),
            detail="seed:N",
            tooltip=[alt.Tooltip("model:N"), alt.Tooltip("seed:O"), alt.Tooltip("updates:Q"), alt.Tooltip("error:Q", format=".4f")],
        )
    )
    solved = (
        alt.Chart(alt.Data(values=[{"error": SOLVED}]))
        .mark_rule(color=BEST, strokeDash=[4, 3], strokeWidth=1.2)
        .encode(y="error:Q")
    )
    caption = (
        f"The adding problem over {LENGTH} steps: squared error on sequences not seen, a line a seed, until it is below {SOLVED} (the"
        " dashed line). Both networks have 64 units; the GRU has three quarters of the LSTM's parameters."
    )
    return figure_of("lstm-gru", "How many updates until it adds: LSTM and GRU", caption, {"points": points}, lines + solved)


CLAIM = Claim(
    name="lstm-gru",
    parent="lstm",
    child="gru",
    statement="A GRU learns with three quarters of an LSTM's parameters what the LSTM learns, in no more updates.",
    korean="GRU는 LSTM의 매개변수 4분의 3만으로, 더 많은 갱신 없이 같은 것을 배운다.",
    source="Cho et al. 2014, arXiv:1406.1078v3, section 2.3; Chung et al. 2014, arXiv:1412.3555, for the comparison",
    question=(
        "The adding problem over 50 steps: an LSTM with forget bias 1 and a GRU, 64 units each, are trained with Adam at 0.002 on the"
        " same batches of 32 until the squared error on 1,000 unseen sequences is below 0.01, at most 5,000 updates. How many updates"
        " does each need? Time is measured and shown, but not judged: it tells of kernels, and torch has a fused one for the LSTM only."
    ),
    outcomes={
        "holds": "The GRU has a quarter fewer parameters and gets there in as many updates as the LSTM or fewer.",
        "does not hold": "The GRU is smaller, but it needs more updates than the LSTM, or never gets there.",
        "undecided": "The seeds disagree about which of the two gets there first.",
    },
    effects=(
        Effect(
            name="parameters_saved",
            meaning="1 - parameters of the GRU layer / parameters of the LSTM layer",
            at_least=0.25,
            why="three gates instead of four, of the same shapes: the count is exact, and equal for every seed",
        ),
        Effect(
            name="updates_saved",
            meaning="log2 of the LSTM's updates / the GRU's updates until both add: 1 is half as many, 0 as many",
            at_least=0.0,
            why=(
                "no more updates is what is claimed; an LSTM that never gets there counts with the 5,000 it had, a GRU that never does"
                " with twice as many"
            ),
        ),
    ),
    seeds=(1, 2, 3, 4, 5),
    minutes=8,
    threads=1,
    measure=measure,
    draw=draw,
)
