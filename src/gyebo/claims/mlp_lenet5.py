"""mlp -> lenet5: shared weights know a digit that has moved; a weight for each pixel does not.

Both learn digits that stand in the middle, with as many parameters, and are then shown the same unseen digits in the middle and moved.
What a network keeps is judged, so that neither is favoured by being the better one to begin with.
"""

from __future__ import annotations

import math
from typing import Any

import altair as alt
from torch import nn

from gyebo.claims.classifying import Examples, Training, judge, train
from gyebo.claims.drawing import mean_lines, share
from gyebo.claims.interface import Claim, Clock, Effect, Measurement
from gyebo.claims.pictures import digits, generator, shifted
from gyebo.claims.training import seeded
from gyebo.genealogy import parameter_counts
from gyebo.models.convolutional.lenet5 import LeNet5, LeNet5Config
from gyebo.models.foundations.mlp import MLP, MLPConfig
from gyebo.training.config import OptimizerConfig
from gyebo.views.figure import Figure, figure_of

DIGIT, BORDER = 16, 8
SIZE = DIGIT + 2 * BORDER
SHIFTS = (0, 1, 2, 3, 4, 5)
FAR = 3
HIDDEN = 58
"""gives the multilayer perceptron as many parameters as LeNet-5: 60,040 and 60,000"""
MODELS = ("mlp", "lenet5")
TRAINING = Training(optimizer=OptimizerConfig(rate=1e-3), batch=50)
UPDATES = 250
LEAST = 0.002
"""one digit of 500: the least that a network can lose and be seen to"""


def build(name: str) -> nn.Module:
    if name == "mlp":
        return MLP(MLPConfig(num_channels=1, num_classes=10, image_size=SIZE, widths=(HIDDEN,), activation="tanh"))
    return LeNet5(LeNet5Config(num_channels=1, num_classes=10, image_size=SIZE))


def measure(seed: int, clock: Clock, updates: int = UPDATES) -> Measurement:
    pictures, test = digits(DIGIT, BORDER)
    moved = {most: Examples(shifted(test.inputs, most, generator(seed, f"{most}")), test.labels) for most in SHIFTS}
    table: list[dict[str, Any]] = []
    for name in MODELS:
        clock.say(f"{name}: {updates} updates")
        with seeded(seed):
            model = build(name)
            train(model, pictures, TRAINING, seed, clock, updates)
        parameters = parameter_counts(model)[1]
        table += [
            {"model": name, "parameters": parameters, "shift": most, "accuracy": judge(model, examples).accuracy}
            for most, examples in moved.items()
        ]
    accuracy = {(row["model"], row["shift"]): row["accuracy"] for row in table}
    lost = {name: max(LEAST, accuracy[name, 0] - accuracy[name, FAR]) for name in MODELS}
    return Measurement(
        effects={
            "as_good_in_the_middle": accuracy["lenet5", 0] - accuracy["mlp", 0],
            "loses_less": math.log2(lost["mlp"] / lost["lenet5"]),
        },
        table=table,
    )


def draw(rows: list[dict[str, Any]]) -> Figure:
    chart = mean_lines(
        rows,
        alt.X(
            "shift:Q", title="moved by at most so many pixels, in both directions", axis=alt.Axis(values=list(SHIFTS), grid=False)
        ),
        share("accuracy"),
        "model",
        MODELS,
    )
    caption = (
        f"Digits of {DIGIT} pixels in pictures of {SIZE}; both networks have 60 thousand parameters and learned from digits in the middle"
        f" alone, {UPDATES} updates. Lines through the means of the seeds."
    )
    return figure_of("mlp-lenet5", "Digits that have moved", caption, {"rows": rows}, chart)


CLAIM = Claim(
    name="mlp-lenet5",
    parent="mlp",
    child="lenet5",
    statement="With as many parameters, and trained on digits in the middle alone, LeNet-5 loses far less than a multilayer perceptron"
    " where the digits have moved.",
    korean="매개변수 수가 같고 가운데에 놓인 숫자만 배웠을 때, LeNet-5는 숫자가 옆으로 움직여도 다층 퍼셉트론보다 훨씬 적게 틀린다.",
    source="LeCun, Bottou, Bengio, Haffner 1998 (Proc. IEEE 86(11)), section II-A",
    question=(
        "LeNet-5 of 1998 (60,000 parameters) and a multilayer perceptron (58 tanh units, 60,040) learn handwritten digits of 16x16 pixels"
        " in the middle of 32x32: Adam at 0.001, 250 updates of 50. Then 500 unseen digits are moved by up to 3 pixels in each direction,"
        " at random. How much accuracy does each lose?"
    ),
    outcomes={
        "holds": "In the middle they are alike; moved, LeNet-5 loses less than half of what the multilayer perceptron loses.",
        "does not hold": "LeNet-5 loses more than half as much, or is worse to begin with.",
        "undecided": "What they lose differs from seed to seed by as much as between the two.",
    },
    effects=(
        Effect(
            name="as_good_in_the_middle",
            meaning="accuracy on unseen digits in the middle, LeNet-5 minus the multilayer perceptron",
            at_least=-0.02,
            why="two points are what 500 digits leave to chance; a network that is worse to begin with has less to lose",
        ),
        Effect(
            name="loses_less",
            meaning="log2 of the accuracy lost to a shift of up to 3 pixels, multilayer perceptron / LeNet-5: 1 is half as much",
            at_least=1.0,
            why="half as much: convolution and two poolings tolerate a shift of some pixels, though not of any number",
        ),
    ),
    minutes=4,
    measure=measure,
    draw=draw,
)
