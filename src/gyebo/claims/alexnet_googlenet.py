"""alexnet -> googlenet: as accurate with a ninth of the parameters.

GoogLeNet averages its last maps where AlexNet has fully connected layers, and makes maps few by 1x1 convolutions before large windows
read them. Three narrow networks: AlexNet, GoogLeNet, and an AlexNet whose fully connected layers are so narrow that it has GoogLeNet's
parameters. All start as He et al. 2015 start weights and none has dropout, so that neither speaks for one of them.

Multiply-adds are shown and not judged: GoogLeNet takes twice AlexNet's at the paper's 224 pixels and fewer here, where the fully
connected layers of AlexNet are more than half of its cost.
"""

from __future__ import annotations

from typing import Any

import altair as alt
import torch
from torch import nn

from gyebo.claims.classifying import Training, judge, train
from gyebo.claims.drawing import mean_points, share
from gyebo.claims.interface import Claim, Clock, Effect, Measurement
from gyebo.claims.pictures import generator, signs
from gyebo.claims.training import seeded
from gyebo.genealogy import parameter_counts
from gyebo.layers.initialization import start_as_he
from gyebo.models.convolutional.alexnet import AlexNet, AlexNetConfig
from gyebo.models.convolutional.googlenet import GoogLeNet, GoogLeNetConfig
from gyebo.training.config import OptimizerConfig, ScheduleConfig
from gyebo.verification.flops import multiply_adds
from gyebo.views.figure import Figure, figure_of

SIZE = 16
HIDDEN = {"alexnet": 869, "alexnet, as few parameters": 222}
"""units of the fully connected layers: for 8.7 times GoogLeNet's parameters, as in the papers, and for as many"""
MODELS = (*HIDDEN, "googlenet")
TRAINING = Training(optimizer=OptimizerConfig(rate=0.002), schedule=ScheduleConfig(name="cosine", warmup=20))
UPDATES, PICTURES, TESTED = 300, 4000, 1000


def build(name: str) -> nn.Module:
    """An eighth of the paper's maps, and a first convolution that leaves enough of a small picture."""
    if name == "googlenet":
        return GoogLeNet(
            GoogLeNetConfig(
                num_channels=1,
                num_classes=10,
                image_size=SIZE,
                width=8,
                stem_kernel=3,
                stem_stride=1,
                dropout=0.0,
                auxiliary=False,
            )
        )
    model = AlexNet(
        AlexNetConfig(
            num_channels=1,
            num_classes=10,
            image_size=SIZE,
            widths=(12, 32, 48, 48, 32),
            hidden_width=HIDDEN[name],
            stem_kernel=3,
            stem_stride=1,
            stem_padding=1,
            dropout=0.0,
        )
    )
    start_as_he(model)
    return model


def measure(seed: int, clock: Clock, updates: int = UPDATES) -> Measurement:
    pictures = signs(PICTURES, SIZE, generator(seed, "train"))
    test = signs(TESTED, SIZE, generator(seed, "test"))
    table: list[dict[str, Any]] = []
    for name in MODELS:
        clock.say(f"{name}: {updates} updates")
        with torch.device("meta"):
            cost = multiply_adds(build(name), (1, SIZE, SIZE)).total
        with seeded(seed):
            model = build(name)
            loss = train(model, pictures, TRAINING, seed, clock, updates)
        table.append(
            {
                "model": name,
                "parameters": parameter_counts(model)[1],
                "multiply-adds": cost,
                "training loss": loss,
                "accuracy": judge(model, test).accuracy,
            }
        )
    rows = {row["model"]: row for row in table}
    wide, narrow, child = (rows[name] for name in MODELS)
    return Measurement(
        effects={
            "times_fewer_parameters": wide["parameters"] / child["parameters"],
            "accuracy_kept": child["accuracy"] - wide["accuracy"],
            "gain_at_as_many_parameters": child["accuracy"] - narrow["accuracy"],
        },
        table=table,
    )


def draw(rows: list[dict[str, Any]]) -> Figure:
    chart = mean_points(
        rows,
        alt.X("parameters:Q", title="parameters", axis=alt.Axis(format=",d", tickCount=5, grid=False)),
        share("accuracy"),
        "model",
        MODELS,
    )
    cost = {row["model"]: row["multiply-adds"] for row in rows}
    caption = (
        f"Share of unseen drawn signs told right after {UPDATES} updates; ten signs, so 10% is chance. A picture takes"
        f" {cost['googlenet']:,} multiply-adds in GoogLeNet, {cost['alexnet']:,} in AlexNet. Dots: means over the seeds; faint dots:"
        " seeds."
    )
    return figure_of("alexnet-googlenet", "What a parameter is worth", caption, {"rows": rows}, chart)


CLAIM = Claim(
    name="alexnet-googlenet",
    parent="alexnet",
    child="googlenet",
    statement="GoogLeNet is as accurate as AlexNet with a ninth of its parameters, and more accurate than an AlexNet of as few.",
    korean="GoogLeNet은 매개변수가 AlexNet의 9분의 1쯤이면서 정확도는 그에 못지않고, 매개변수 수를 똑같이 줄인 AlexNet보다는 정확하다.",
    source="Szegedy et al. 2014 (1409.4842), sections 1 and 5: 12 times fewer parameters than Krizhevsky et al. 2012, by the paper's count",
    question=(
        "AlexNet (an eighth of the maps, 869 hidden units, 829,591 parameters), GoogLeNet (an eighth of the maps, 95,348) and an AlexNet"
        " of 222 hidden units (95,246) learn to tell ten drawn signs of 16x16 pixels from each other: 300 updates of 64 of 4,000"
        " pictures, Adam at 0.002 that falls along a cosine. Of 1,000 unseen signs, which share does each get right?"
    ),
    outcomes={
        "holds": "GoogLeNet, far to the left, lies as high as AlexNet or higher, and above the AlexNet beside it.",
        "does not hold": "GoogLeNet pays for its few parameters with accuracy, or an AlexNet of as few is as good.",
        "undecided": "The seeds differ by as much as the networks.",
    },
    effects=(
        Effect(
            name="times_fewer_parameters",
            meaning="parameters of AlexNet divided by those of GoogLeNet",
            at_least=8.0,
            why="the sizes of the papers give 8.7, and the widths are chosen for it: no seed changes this number",
        ),
        Effect(
            name="accuracy_kept",
            meaning="accuracy on unseen signs: GoogLeNet minus the AlexNet of 8.7 times its parameters",
            at_least=-0.02,
            why="as accurate, up to 20 of 1,000 signs, about what two seeds of one network differ by",
        ),
        Effect(
            name="gain_at_as_many_parameters",
            meaning="accuracy on unseen signs: GoogLeNet minus the AlexNet of as many parameters",
            at_least=0.02,
            why="if a narrow AlexNet did as well, the modules would have no part in it; 2 points are more than chance leaves",
        ),
    ),
    minutes=5,
    measure=measure,
    draw=draw,
)
