"""plain -> resnet: deeper plain networks reach a higher training loss, residual ones of the same layers and weights do not.

This is about training, not about generalising: the figure of the paper (figure 1 and 6) shows training error. Everything but the sum
is the same in both networks, parameters too; the width is small and the pictures are drawn, so that it takes seconds.

In a first version with 160 updates the seeds 1, 2 and 3 differed by as much as the depths. It has twice the updates now, five other seeds,
and one measure of what counts as worse.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import altair as alt

from gyebo.claims.classifying import Training, judge, train
from gyebo.claims.drawing import mean_lines
from gyebo.claims.interface import Claim, Clock, Effect, Measurement
from gyebo.claims.pictures import generator, signs
from gyebo.claims.training import seeded
from gyebo.genealogy import architecture, parameter_counts
from gyebo.training.config import OptimizerConfig, ScheduleConfig
from gyebo.views.figure import Figure, figure_of

MODELS = {"plain": "plain-cifar", "residual": "resnet-cifar"}
DEPTHS = (8, 32)
WIDTHS, SIZE = (4, 8, 16), 16
TRAINING = Training(
    optimizer=OptimizerConfig(name="sgd", rate=0.1, momentum=0.9, weight_decay=1e-4),
    schedule=ScheduleConfig(name="cosine", warmup=20),
)
UPDATES, PICTURES, TESTED = 320, 4000, 1000
CHANCE = math.log(10)
"""the loss of a network that has learned nothing, nats"""


def measure(seed: int, clock: Clock, updates: int = UPDATES, depths: Sequence[int] = DEPTHS) -> Measurement:
    pictures = signs(PICTURES, SIZE, generator(seed, "train"))
    test = signs(TESTED, SIZE, generator(seed, "test"))
    table: list[dict[str, Any]] = []
    for depth in depths:
        for network, name in MODELS.items():
            clock.say(f"{network}, {depth} layers: {updates} updates")
            entry = architecture(name)
            with seeded(seed):
                model = entry.model(entry.config(num_channels=1, num_classes=10, image_size=SIZE, depth=depth, widths=WIDTHS))
                loss = min(
                    train(model, pictures, TRAINING, seed, clock, updates), 2 * CHANCE
                )  # one that diverged counts twice chance
            table.append(
                {
                    "network": network,
                    "layers": depth,
                    "parameters": parameter_counts(model)[1],
                    "training loss": loss,
                    "test accuracy": judge(model, test).accuracy,
                }
            )
    loss_of = {(row["network"], row["layers"]): row["training loss"] for row in table}
    shallow, deep = depths[0], depths[-1]
    return Measurement(
        effects={
            "plain_degrades": loss_of["plain", deep] - loss_of["plain", shallow],
            "residual_does_not": loss_of["residual", shallow] - loss_of["residual", deep],
            "gain_when_deep": loss_of["plain", deep] - loss_of["residual", deep],
        },
        table=table,
    )


def draw(rows: list[dict[str, Any]]) -> Figure:
    chart = mean_lines(
        rows,
        alt.X("layers:Q", title="layers with weights", axis=alt.Axis(values=sorted({row["layers"] for row in rows}), grid=False)),
        alt.Y("training loss:Q", title="training loss at the end, nats", axis=alt.Axis(tickCount=5, domain=False, ticks=False)),
        "network",
        list(MODELS),
    )
    caption = (
        f"Mean loss of the last tenth of {UPDATES} updates on drawn signs; {CHANCE:.2f} is chance. Networks of the same layers have the"
        " same number of parameters. Lines through the means of the seeds."
    )
    return figure_of("plain-resnet", "Deeper: plain and residual networks", caption, {"rows": rows}, chart)


CLAIM = Claim(
    name="plain-resnet",
    parent="plain",
    child="resnet",
    statement="With more layers a plain network's training loss rises, though batch normalisation is there; adding each block's input to"
    " its output undoes this, without a parameter.",
    korean="평범한 신경망은 배치 정규화가 있어도 층을 늘리면 훈련 손실이 커진다. 블록의 입력을 출력에 더하면 매개변수를 늘리지 않고도"
    " 그렇지 않다.",
    source="He, Zhang, Ren, Sun 2015 (1512.03385), section 4.2 and figures 1 and 6",
    question=(
        "Networks for small images (plain-cifar, resnet-cifar; 4, 8 and 16 maps, batch normalisation, He's weights) of 8 and 32 layers"
        " learn to tell ten drawn signs of 16x16 pixels from each other: 320 updates of 64 pictures, momentum 0.9, a rate of 0.1 that falls"
        " along a cosine. How high is the training loss of the last 32 batches? Chance is 2.30."
    ),
    outcomes={
        "holds": "The loss of the plain networks rises with their layers, that of the residual ones does not.",
        "does not hold": "Deeper plain networks fit the pictures as well as shallow ones, or deeper residual networks fit them worse too.",
        "undecided": "The seeds differ by as much as the depths.",
    },
    effects=(
        Effect(
            name="plain_degrades",
            meaning="training loss of the plain network of 32 layers minus that of 8 layers, nats",
            at_least=0.2,
            why="a fifth of a nat is more than two seeds of one network differ by, and a tenth of what there is to learn",
        ),
        Effect(
            name="residual_does_not",
            meaning="training loss of the residual network of 8 layers minus that of 32 layers, nats",
            at_least=-0.2,
            why="the paper's deeper networks are better; in so few updates no worse is enough, by the same fifth of a nat",
        ),
        Effect(
            name="gain_when_deep",
            meaning="training loss at 32 layers, plain minus residual, nats",
            at_least=0.2,
            why="the same fifth of a nat",
        ),
    ),
    seeds=(4, 5, 6, 7, 8),
    minutes=10,
    measure=measure,
    draw=draw,
)
