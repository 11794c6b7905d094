"""bahdanau-luong: a product of two states scores a position as well as a small network does, and costs less.

Both translators learn to write strings backwards, at equal updates and about equal parameters. The cost of scoring is measured apart
from the rest, on the layers that do it: whole updates compare two decoders' programs as much as two scores (they stand in the table).
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import altair as alt
import torch
from torch import Tensor

from gyebo.claims.drawing import mean_lines, share
from gyebo.claims.interface import Claim, Clock, Effect, Measurement
from gyebo.claims.synthetic import generator, reversal
from gyebo.claims.training import Budget, Training, learning_curve, seeded
from gyebo.genealogy import architecture, parameter_counts
from gyebo.layers.attention import AdditiveAttention
from gyebo.layers.luong_attention import GeneralScore
from gyebo.models.interfaces import FIRST_TOKEN
from gyebo.views.figure import Figure, figure_of

SYMBOLS, SHORTEST, LONGEST = 20, 4, 16
TRAINING = Training(rate=3e-3, tokens=800)
BUDGET = Budget(updates=360, training_pairs=8000, test_pairs=400)
POINTS = 6

MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "bahdanau": ("bahdanau", {"embedding_width": 32, "width": 64, "alignment_width": 64, "readout_width": 64}),
    "luong, input feeding": ("luong", {"embedding_width": 32, "width": 82, "num_layers": 1}),
    "luong, no feeding": ("luong", {"embedding_width": 32, "width": 94, "num_layers": 1, "input_feeding": False}),
}
"""about 127 thousand parameters each; Luong's with the general score"""

SENTENCES, POSITIONS, WIDTH, STEPS, ROUNDS = 32, 50, 256, 10, 9
"""what is scored when scoring is timed: sentences of a usual length in a translator of a usual width"""


def scoring_seconds() -> dict[str, float]:
    """Seconds of the processor for one target word's scores of a batch, forwards and backwards: the median of rounds in turn."""
    states = torch.randn(STEPS, SENTENCES, WIDTH)
    values = torch.randn(SENTENCES, POSITIONS, WIDTH)
    additive, general = AdditiveAttention(WIDTH, WIDTH, WIDTH), GeneralScore(WIDTH)

    def score_additive(state: Tensor, keys: Tensor) -> Tensor:
        return additive.scores(additive.query(state), keys)

    def score_general(state: Tensor, keys: Tensor) -> Tensor:
        return general(state.unsqueeze(1), keys)

    kinds: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], Tensor]] = {
        "additive": (score_additive, additive.key(values).detach()),
        "general": (score_general, general.keys(values).detach()),
    }
    seconds: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(ROUNDS):
        for name, (score, keys) in kinds.items():
            keys.requires_grad_().grad = None
            begun = time.process_time()
            for state in states:
                score(state, keys).sum().backward()
            seconds[name].append((time.process_time() - begun) / STEPS)
    return {name: statistics.median(each) for name, each in seconds.items()}


def measure(seed: int, clock: Clock, budget: Budget = BUDGET) -> Measurement:
    training = reversal(generator(seed, "train"), budget.training_pairs, SYMBOLS, SHORTEST, LONGEST)
    test = reversal(generator(seed, "test"), budget.test_pairs, SYMBOLS, SHORTEST, LONGEST)
    table: list[dict[str, Any]] = []
    final = {}
    for name, (kind, sizes) in MODELS.items():
        clock.say(f"{name}: {budget.updates} updates")
        entry = architecture(kind)
        vocabulary = FIRST_TOKEN + SYMBOLS
        with seeded(seed):
            model = entry.model(entry.config(source_vocabulary=vocabulary, target_vocabulary=vocabulary, **sizes))
            every = max(1, budget.updates // POINTS)
            points = learning_curve(model, training, test, TRAINING, seed, clock, updates=budget.updates, every=every, enough=2.0)
        final[name] = statistics.fmean(
            point.accuracy for point in points[len(points) // 2 :]
        )  # one point alone jumps by some per cent
        table += [
            {
                "part": "quality",
                "model": name,
                "parameters": parameter_counts(model)[1],
                "updates": point.updates,
                "seconds": point.seconds,
                "token accuracy": point.accuracy,
            }
            for point in points
        ]
    clock.say("time of the scores")
    with seeded(seed):
        seconds = scoring_seconds()
    table += [{"part": "scoring", "score": name, "milliseconds": 1000 * each} for name, each in seconds.items()]
    return Measurement(
        effects={
            "accuracy_gain": final["luong, input feeding"] - final["bahdanau"],
            "scoring_speedup": seconds["additive"] / seconds["general"],
        },
        table=table,
    )


def draw(rows: list[dict[str, Any]]) -> Figure:
    chart = mean_lines(
        [row for row in rows if row["part"] == "quality"],
        alt.X("updates:Q", axis=alt.Axis(grid=False, tickCount=6)),
        share("token accuracy"),
        "model",
        list(MODELS),
    )
    times = {
        name: statistics.median(row["milliseconds"] for row in rows if row["part"] == "scoring" and row["score"] == name)
        for name in ("additive", "general")
    }
    caption = (
        f"Token accuracy by updates when strings of {SHORTEST} to {LONGEST} symbols are written backwards; lines through the means of the"
        f" seeds. To score {POSITIONS} positions of {SENTENCES} sentences at width {WIDTH}, forwards and backwards, the additive network"
        f" takes {times['additive']:.1f} ms a word, the general product {times['general']:.1f} ms."
    )
    return figure_of("bahdanau-luong", "Learning with the scores of a network and of a product", caption, {"rows": rows}, chart)


CLAIM = Claim(
    name="bahdanau-luong",
    parent="bahdanau",
    child="luong",
    statement="A small network scores every source position before every word; the product of two states reaches the same quality and"
    " costs less.",
    korean="작은 신경망이 단어마다 원문의 모든 위치에 점수를 매긴다. 두 상태의 곱은 더 적은 계산으로 같은 질에 이른다.",
    source="Luong, Pham, Manning 2015 (1508.04025), sections 3.1 and 5; Bahdanau's path is compared with theirs at the end of 3.1",
    question="Strings of 4 to 16 symbols out of 20 are written backwards by Bahdanau's translator and by Luong's (one layer, general"
    " score, input feeding), about 127 thousand parameters each. Is Luong's as accurate in the second half of 360 updates? And how many"
    " times longer does the additive network take than the product, to score 50 positions of 32 sentences at width 256 on one core?",
    outcomes={
        "holds": "Luong's curve ends level with Bahdanau's or above it, and the additive score takes at least twice as long.",
        "does not hold": "Luong's translator is behind at equal updates, or its score is hardly cheaper.",
        "undecided": "Which translator is ahead changes with the seed by more than the margin.",
    },
    effects=(
        Effect(
            name="accuracy_gain",
            meaning="token accuracy, mean over the second half of 360 updates: luong with input feeding, minus bahdanau",
            at_least=-0.02,
            why="The claim is 'no worse, and simpler': two points are what seeds differ by once a string is learned.",
        ),
        Effect(
            name="scoring_speedup",
            meaning="processor time of the additive score divided by that of the general one, forwards and backwards",
            at_least=2.0,
            why="The additive score writes D numbers for each pair of positions, the product one. Less than a factor of two would be"
            " lost in the rest of a translator; timing on a busy machine moves the ratio by some ten per cent.",
        ),
    ),
    seeds=(1, 2, 3),
    minutes=6,
    measure=measure,
    draw=draw,
)
