"""lstm -> seq2seq: one answer a symbol, beside an encoder and a decoder that write an answer of any length."""

from __future__ import annotations

from typing import Any

from gyebo.claims.interface import Claim, Clock, Effect, Measurement
from gyebo.claims.training import Budget
from gyebo.claims.transduction import BUDGET, draw_edge, measure_edge
from gyebo.views.figure import Figure

PARENT = {"embedding_width": 32, "width": 96}
CHILD = {"embedding_width": 32, "width": 96, "num_layers": 1}


def measure(seed: int, clock: Clock, budget: Budget = BUDGET) -> Measurement:
    return measure_edge(seed, clock, budget, "lstm", PARENT, "seq2seq", CHILD)


def draw(rows: list[dict[str, Any]]) -> Figure:
    return draw_edge("lstm-seq2seq", rows, "lstm", "seq2seq")


CLAIM = Claim(
    name="lstm-seq2seq",
    parent="lstm",
    child="seq2seq",
    statement="A recurrent network answers with as many symbols as it reads; an encoder that reads and a decoder that writes give an answer"
    " of a length of its own.",
    korean="LSTM은 읽은 기호 수만큼만 답한다. 읽는 인코더와 쓰는 디코더는 길이가 다른 답을 쓴다.",
    source="Sutskever, Vinyals, Le 2014 (1409.3215), section 2",
    question="Random strings of 3 to 8 symbols out of 8 are answered by a network with one answer a symbol (lstm) and by an encoder"
    " with a decoder (seq2seq), trained alike for 1,000 updates. In one task every symbol has its answer in its place, in"
    " the other every second kind of symbol is left out. Which share of the strings does each answer without a wrong symbol?",
    outcomes={
        "holds": "The lstm answers nearly every string in step, and few of those whose answers have a length of their own; the"
        " seq2seq answers most of these.",
        "does not hold": "The lstm fails in step already, or the seq2seq is no better where lengths differ.",
        "undecided": "The seq2seq answers more where lengths differ, but in some seeds hardly more.",
    },
    effects=(
        Effect(
            name="in_step",
            meaning="share of strings that the lstm answers without a wrong symbol where each symbol has one answer",
            at_least=0.95,
            why="The parent has to be able to learn what it is made for, or the other task would say nothing about lengths.",
        ),
        Effect(
            name="length_of_its_own",
            meaning="share of strings answered without a wrong symbol where every second kind of symbol is left out: that of the"
            " seq2seq minus that of the lstm",
            at_least=0.5,
            why="The lstm has to answer before it has read what the answer depends on, but where what is left out stands at"
            " the end. Half of the strings more is what nobody would call chance.",
        ),
    ),
    seeds=(1, 2, 3),
    minutes=8,
    measure=measure,
    draw=draw,
)
