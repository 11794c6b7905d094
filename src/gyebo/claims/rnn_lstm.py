"""rnn -> lstm: the gradient through a chain of tanh layers vanishes, so nothing far back is learned; the cell's sum lets it through.

The adding problem at three lengths. A tanh network has to keep two numbers through as many squashings as there are steps between a
marker and the end; the LSTM's cell keeps them by adding, with the forget gate open at the start.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import altair as alt
import torch

from gyebo.claims.adding import BASELINE, Adder, explained, learn, open_forget_gate
from gyebo.claims.interface import Claim, Clock, Effect, Measurement
from gyebo.genealogy import parameter_counts
from gyebo.layers import LSTM, RNN
from gyebo.layers.recurrent import Recurrent
from gyebo.training.randomness import mix
from gyebo.views.figure import Figure, figure_of
from gyebo.views.theme import BEST, CATEGORIES

LENGTHS = (10, 25, 50)
UPDATES = 2500
EVERY = 250
SOLVED = 0.002
"""the squared error at which a network has no more to learn here: 1 % of the variance is left"""

LAYERS: dict[str, Callable[[], Recurrent]] = {
    "lstm": lambda: open_forget_gate(LSTM(2, 64)),
    "rnn, as many parameters": lambda: RNN(2, 130),
    "rnn, as many units": lambda: RNN(2, 64),
}


def measure(seed: int, clock: Clock) -> Measurement:
    """Train the three networks at every length; what counts is the lowest test error that each has reached."""
    return measure_lengths(seed, clock, LENGTHS, UPDATES, EVERY)


def measure_lengths(seed: int, clock: Clock, lengths: tuple[int, ...], updates: int, every: int) -> Measurement:
    """`measure` at sizes of one's own; lengths from the nearest to the farthest."""
    table = [_train(name, length, seed, clock, updates, every) for length in lengths for name in LAYERS]
    best = {(row["model"], row["length"]): row["explained"] for row in table}
    plain = [name for name in LAYERS if name != "lstm"]
    near, far = lengths[0], lengths[-1]
    return Measurement(
        effects={
            "rnn_near": max(best[name, near] for name in plain),
            "lead_far": best["lstm", far] - max(best[name, far] for name in plain),
        },
        table=table,
    )


def _train(name: str, length: int, seed: int, clock: Clock, updates: int, every: int) -> dict[str, Any]:
    torch.default_generator.manual_seed(mix(seed, length))  # no model's weights depend on what was trained before it
    model = Adder(LAYERS[name]())
    begun = time.monotonic()
    curve = []
    for progress in learn(model, length, updates=updates, every=every, seed=seed, clock=clock):
        curve.append([progress.updates, round(progress.error, 6)])
        clock.say(f"{name}, length {length}: error {progress.error:.4f} after {progress.updates:,} updates")
        if progress.error < SOLVED:
            break
    error = min(error for _, error in curve)
    return {
        "length": length,
        "model": name,
        "parameters": parameter_counts(model)[1],
        "updates": curve[-1][0],
        "error": error,
        "explained": explained(error),
        "seconds": round(time.monotonic() - begun, 1),
        "curve": curve,
    }


def draw(rows: list[dict[str, Any]]) -> Figure:
    """Explained variance by length, and how it grew at the greatest length; a thin line a seed."""
    far = max(row["length"] for row in rows)
    by_length = [{key: row[key] for key in ("seed", "model", "length", "explained")} for row in rows]
    by_update = [
        {"seed": row["seed"], "model": row["model"], "updates": updates, "explained": explained(error)}
        for row in rows
        if row["length"] == far
        for updates, error in row["curve"]
    ]
    left = _panel(by_length, "length", "steps in the sequence").properties(title="best after training")
    right = _panel(by_update, "updates", "updates").properties(title=f"while training, {far} steps")
    caption = (
        "The adding problem: share of the variance of the sum that a network explains on sequences it has not seen, a line a seed. 0 is"
        f" always answering the mean (squared error {BASELINE:.3f}), the dashed line is knowing one of the two numbers."
    )
    data = {"by_length": by_length, "by_update": by_update}
    return figure_of("rnn-lstm", "What is far back: tanh network and LSTM", caption, data, alt.hconcat(left, right))


def _panel(rows: list[dict[str, Any]], across: str, title: str) -> alt.LayerChart:
    half = alt.Chart(alt.Data(values=[{"half": 0.5}])).mark_rule(color=BEST, strokeDash=[4, 3], strokeWidth=1.2).encode(y="half:Q")
    lines = (
        alt.Chart(alt.Data(values=rows), width=260, height=200)
        .mark_line(point={"size": 24, "filled": True}, strokeWidth=1.2, opacity=0.85)
        .encode(
            x=alt.X(f"{across}:Q", title=title, axis=alt.Axis(grid=False, tickCount=5)),
            y=alt.Y(
                "explained:Q",
                title="variance explained",
                scale=alt.Scale(domain=[-0.2, 1.0], clamp=True),
                axis=alt.Axis(tickCount=5, domain=False, ticks=False),
            ),
            color=alt.Color(
                "model:N",
                title=None,
                scale=alt.Scale(domain=list(LAYERS), range=list(CATEGORIES[: len(LAYERS)])),
                legend=alt.Legend(orient="bottom", symbolType="stroke", labelLimit=220),
            ),
            detail="seed:N",
            tooltip=[alt.Tooltip("model:N"), alt.Tooltip("seed:O"), alt.Tooltip("explained:Q", format=".3f")],
        )
    )
    return alt.LayerChart(layer=[half, lines])


CLAIM = Claim(
    name="rnn-lstm",
    parent="rnn",
    child="lstm",
    statement="An LSTM learns what lies far back, where a tanh network learns only what is near.",
    korean="LSTM은 멀리 떨어진 입력도 배우지만, tanh 순환 신경망은 가까운 입력만 배운다.",
    source="Hochreiter and Schmidhuber 1997, Long Short-Term Memory, section 5.4 (the adding problem)",
    question=(
        "Two marked numbers of a sequence are to be added at its end, in sequences of 10, 25 and 50 steps. An LSTM with 64 units and"
        " forget bias 1 is trained beside two tanh networks, one with as many units and one with as many parameters (17,473 and 17,551),"
        " each with Adam at 0.002 on the same batches of 32, for 2,500 updates or until 99 % is explained. How much of the sum's variance"
        " does each explain?"
    ),
    outcomes={
        "holds": "Near by, the tanh network adds too; far off it does not learn where the two numbers are, and the LSTM does.",
        "does not hold": "The tanh network cannot even add near by, or the LSTM is no whole number ahead of it far off.",
        "undecided": "The seeds disagree: some LSTM stays on the plateau at the mean for the whole budget, or some tanh network leaves it.",
    },
    effects=(
        Effect(
            name="rnn_near",
            meaning="share of the variance that the better of the two tanh networks explains at 10 steps",
            at_least=0.5,
            why="0.5 is what one of the two numbers alone explains: above it, the task itself is not what the network fails at",
        ),
        Effect(
            name="lead_far",
            meaning="share of the variance explained at 50 steps: the LSTM minus the better of the two tanh networks",
            at_least=0.5,
            why="0.5 is one whole number of the two; two networks on the plateau differ by a few hundredths",
        ),
    ),
    seeds=(1, 2, 3),
    minutes=8,
    threads=1,
    measure=measure,
    draw=draw,
)
