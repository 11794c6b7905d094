"""rnn-encoder-decoder -> bahdanau: a wider vector holds more of a long sentence, and still less than one that is looked at.

Random strings written backwards, as in `seq2seq-bahdanau`, whose question is how quality falls with length. Here the vector grows: if
its width were all that is wrong with it, one four times as wide would do.
"""

from __future__ import annotations

from typing import Any

import altair as alt

from gyebo.claims.drawing import mean_lines, share
from gyebo.claims.interface import Claim, Clock, Effect, Measurement
from gyebo.claims.synthetic import generator, reversal
from gyebo.claims.training import Budget, Training, seeded, train, writing
from gyebo.genealogy import architecture, parameter_counts
from gyebo.models.interfaces import FIRST_TOKEN
from gyebo.views.figure import Figure, figure_of

SYMBOLS = 20
SHORTEST, LONGEST = 4, 20
GROUPS = ((4, 7), (8, 11), (12, 15), (16, 20))
TRAINING = Training(rate=3e-3, tokens=1000)
BUDGET = Budget(updates=500, training_pairs=8000, test_pairs=300)

COMMON = {"embedding_width": 32, "readout_width": 64}
MODELS: dict[str, tuple[str, dict[str, int]]] = {
    "vector of 48": ("rnn-encoder-decoder", {**COMMON, "width": 48}),
    "vector of 96": ("rnn-encoder-decoder", {**COMMON, "width": 96}),
    "vector of 192": ("rnn-encoder-decoder", {**COMMON, "width": 192}),
    "attention, 48": ("bahdanau", {**COMMON, "width": 48, "alignment_width": 48}),
}


def measure(seed: int, clock: Clock, budget: Budget = BUDGET) -> Measurement:
    training = reversal(generator(seed, "train"), budget.training_pairs, SYMBOLS, SHORTEST, LONGEST)
    draw = generator(seed, "test")
    tests = {group: reversal(draw, budget.test_pairs, SYMBOLS, *group) for group in GROUPS}
    table, long = [], {}
    for name, (kind, sizes) in MODELS.items():
        clock.say(f"{name}: {budget.updates} updates")
        entry, vocabulary = architecture(kind), FIRST_TOKEN + SYMBOLS
        with seeded(seed):
            model = entry.model(entry.config(source_vocabulary=vocabulary, target_vocabulary=vocabulary, **sizes))
            train(model, training, budget.updates, TRAINING, seed, clock)
        written = {group: writing(model, pairs, clock) for group, pairs in tests.items()}
        long[name] = written[GROUPS[-1]].accuracy
        table += [
            {
                "model": name,
                "parameters": parameter_counts(model)[1],
                "shortest": group[0],
                "longest": group[1],
                "token accuracy": each.accuracy,
                "exact match": each.exact,
            }
            for group, each in written.items()
        ]
    return Measurement(
        effects={
            "width_helps": long["vector of 192"] - long["vector of 48"],
            "attention_against_width": long["attention, 48"] - long["vector of 192"],
        },
        table=table,
    )


def draw(rows: list[dict[str, Any]]) -> Figure:
    labelled = [{**row, "length": f"{row['shortest']}–{row['longest']}"} for row in rows]
    groups = list(dict.fromkeys(row["length"] for row in labelled))
    chart = mean_lines(
        labelled,
        alt.X("length:O", title="symbols in the string", sort=groups, axis=alt.Axis(labelAngle=0, grid=False)),
        share("token accuracy"),
        "model",
        list(MODELS),
    )
    caption = (
        "Share of symbols that are right when a random string is written backwards, by its length: encoders with vectors of three widths,"
        " and one of the smallest width that is looked at; lines through the means of the seeds."
    )
    return figure_of("rnn-encoder-decoder-bahdanau", "Accuracy by length, with wider vectors", caption, {"rows": rows}, chart)


CLAIM = Claim(
    name="rnn-encoder-decoder-bahdanau",
    parent="rnn-encoder-decoder",
    child="bahdanau",
    statement="One fixed vector has to hold a sentence of any length, and a wider one only puts the limit off; attention to all source"
    " positions lifts it.",
    korean="고정된 벡터 하나가 길이에 상관없이 문장 전체를 담아야 하며, 벡터를 넓혀도 한계는 미루어질 뿐이다."
    " 원문의 모든 위치를 보는 어텐션은 그 한계를 없앤다.",
    source="Bahdanau, Cho, Bengio 2014 (1409.0473), sections 1 and 5.1",
    question="Random strings of 4 to 20 symbols out of 20 are written backwards, after 500 updates each: by rnn-encoder-decoder with"
    " vectors of 48, 96 and 192 numbers (56, 154 and 503 thousand parameters), and by bahdanau with states of 48 (84 thousand). Does the"
    " widest vector write strings of 16 to 20 symbols as well as attention does?",
    outcomes={
        "holds": "A wider vector writes more of a long string, and attention at the smallest width writes nearly all of it.",
        "does not hold": "Width changes nothing, or the widest vector is as good as attention.",
        "undecided": "How much width helps, or how far attention is ahead of it, changes too much with the seed.",
    },
    effects=(
        Effect(
            name="width_helps",
            meaning="token accuracy on strings of 16-20 symbols with a vector of 192 numbers, minus that with one of 48",
            at_least=0.05,
            why="If width did nothing, the vector would not be what is short. 300 strings leave less than 2 points to chance.",
        ),
        Effect(
            name="attention_against_width",
            meaning="token accuracy on strings of 16-20 symbols of attention with states of 48 numbers, minus that of the vector of 192",
            at_least=0.2,
            why="A fifth of all symbols more, with a sixth of the parameters: less might be made up for by a still wider vector.",
        ),
    ),
    seeds=(1, 2, 3),
    minutes=8,
    measure=measure,
    draw=draw,
)
