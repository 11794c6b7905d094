"""perceptron -> mlp: one line cannot do XOR, nor tell a ring from one around it; a hidden layer can.

Free of noise, so that what is missed is missed by the shape of the boundary alone. The perceptron never comes to rest where no line
will do, so it is judged by the best that it ever was.
"""

from __future__ import annotations

import math
from typing import Any

import altair as alt
import torch
from torch import Tensor, nn

from gyebo.claims.classifying import Examples, Training, judge, train_stepwise
from gyebo.claims.drawing import mean_points, share
from gyebo.claims.interface import Claim, Clock, Effect, Measurement
from gyebo.claims.pictures import generator
from gyebo.claims.training import seeded
from gyebo.models.foundations.mlp import MLP, MLPConfig
from gyebo.models.foundations.perceptron import Perceptron, PerceptronConfig
from gyebo.training.config import OptimizerConfig
from gyebo.views.figure import Figure, figure_of

CORNERS = ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0))
TABLES = {"AND": (0, 0, 0, 1), "OR": (0, 1, 1, 1), "XOR": (0, 1, 1, 0)}
RADII, POINTS = (1.0, 1.5), 300
MODELS = ("perceptron", "mlp")
UPDATES, EVERY = 1000, 10


def training(name: str, patterns: int) -> Training:
    """Rosenblatt's rule is gradient descent of one pattern a step at a rate of 1; the hidden layer learns with Adam."""
    if name == "perceptron":
        return Training(optimizer=OptimizerConfig(name="sgd", rate=1.0, clip=0.0), batch=1)
    return Training(optimizer=OptimizerConfig(rate=0.01), batch=min(20, patterns))


def as_images(points: Tensor) -> Tensor:
    """(N, 2) -> (N, 2, 1, 1): a picture of one pixel with two channels, so that every classifier can read points.

    >>> as_images(torch.zeros(4, 2)).shape
    torch.Size([4, 2, 1, 1])
    """
    return points[:, :, None, None]


def truth_table(name: str) -> Examples:
    """The four corners of a square, and what a function of logic says there."""
    return Examples(as_images(torch.tensor(CORNERS)), torch.tensor(TABLES[name]))


def rings(seed: int, purpose: str) -> Examples:
    """Points on two circles about one middle, half of them on each: the class is the circle."""
    draw = generator(seed, purpose)
    labels = torch.arange(POINTS) % 2
    angles = 2 * math.pi * torch.rand(POINTS, generator=draw)
    return Examples(as_images(torch.tensor(RADII)[labels][:, None] * torch.stack([angles.cos(), angles.sin()], -1)), labels)


def build(name: str) -> nn.Module:
    if name == "perceptron":
        return Perceptron(PerceptronConfig(num_channels=2, num_classes=2, image_size=1))
    return MLP(MLPConfig(num_channels=2, num_classes=2, image_size=1, widths=(16,), activation="tanh"))


def measure(seed: int, clock: Clock, updates: int = UPDATES) -> Measurement:
    tasks = {name: (truth_table(name),) * 2 for name in TABLES}
    tasks["rings"] = (rings(seed, "train"), rings(seed, "test"))
    table: list[dict[str, Any]] = []
    for task, (examples, test) in tasks.items():
        for name in MODELS:
            clock.say(f"{task}, {name}: {updates} updates")
            settings = training(name, len(examples.labels))
            with seeded(seed):
                model = build(name)
            best, reached = 0.0, 0
            for update, _ in enumerate(train_stepwise(model, examples, settings, seed, clock, updates), 1):
                if update % EVERY == 0:
                    accuracy = judge(model, test).accuracy
                    model.train()
                    best, reached = max((best, reached), (accuracy, -update))
            table.append({"task": task, "model": name, "share right": best, "after updates": -reached})
    right = {(row["task"], row["model"]): row["share right"] for row in table}
    return Measurement(
        effects={
            "line_is_learned": min(right["AND", "perceptron"], right["OR", "perceptron"]),
            "xor_gain": right["XOR", "mlp"] - right["XOR", "perceptron"],
            "rings_gain": right["rings", "mlp"] - right["rings", "perceptron"],
        },
        table=table,
    )


def draw(rows: list[dict[str, Any]]) -> Figure:
    tasks = [*TABLES, "rings"]
    chart = mean_points(
        rows,
        alt.X("task:N", title=None, sort=tasks, axis=alt.Axis(labelAngle=0, grid=False)),
        share("share right"),
        "model",
        MODELS,
    )
    caption = (
        "The best share right at any time of training: of the four rows of a truth table, and of unseen points on two rings about one"
        " middle. Dots: means over the seeds; faint dots: seeds."
    )
    return figure_of("perceptron-mlp", "What one line can do, and a hidden layer", caption, {"rows": rows}, chart)


CLAIM = Claim(
    name="perceptron-mlp",
    parent="perceptron",
    child="mlp",
    statement="A perceptron learns what one line separates and never XOR or a ring around another; a hidden layer learns both.",
    korean="퍼셉트론은 직선 하나로 나뉘는 것은 배우지만 XOR나 겹친 고리는 배우지 못한다. 은닉층 하나가 있으면 둘 다 배운다.",
    source="Minsky and Papert 1969, Perceptrons; Rumelhart, Hinton, Williams 1986, Nature 323",
    question=(
        "A perceptron (its own rule, one pattern a step) and a network with one hidden layer of 16 tanh units (Adam at 0.01) read two"
        " numbers and learn AND, OR, XOR, and which of two rings about one middle, of radius 1 and 1.5, a point lies on: 1,000 updates"
        " each. Which share is right at the best moment of training, of the four rows, or of 300 unseen points? There is no noise."
    ),
    outcomes={
        "holds": "Both learn AND and OR; at XOR the perceptron has at most three rows right and at the rings two of three points, the"
        " other one all.",
        "does not hold": "The perceptron does not learn what a line separates, or does what no line can, or the hidden layer does not"
        " help.",
        "undecided": "Whether the hidden layer finds the solution depends on its first weights.",
    },
    effects=(
        Effect(
            name="line_is_learned",
            meaning="share of rows that the perceptron has right, of AND and OR the smaller",
            at_least=1.0,
            why="the theorem of convergence says that it finds a line where there is one",
        ),
        Effect(
            name="xor_gain",
            meaning="share of XOR's four rows right: the hidden layer minus the perceptron",
            at_least=0.25,
            why="one row of four: no line has more than three right, and with a hidden layer all four can be",
        ),
        Effect(
            name="rings_gain",
            meaning="share of unseen points of the rings right: the hidden layer minus the perceptron",
            at_least=0.3,
            why="the best line, which touches the inner ring, has 63 % right, so that 0.37 is all there is to gain",
        ),
    ),
    seeds=(11, 12, 13),
    minutes=2,
    measure=measure,
    draw=draw,
)
