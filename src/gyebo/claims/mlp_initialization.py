"""mlp-initialization: the deviation of the first weights decides whether a signal arrives at the last layer.

A unit sums fan_in products, so that the variance of its sum is fan_in Var[w] times the mean square of its inputs. Xavier's variance
makes that product 1; a ReLU then throws away half of the mean square, and thirty layers leave 2^-30 of it. He et al. double the
variance for that half. First without learning: the deviation of the activations, layer by layer. Then trained: He et al.'s own
comparison (their figure 3), thirty layers that start either way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal

import altair as alt
import torch
from torch import Generator, Tensor

from gyebo.claims.classifying import Training, judge, train
from gyebo.claims.drawing import faceted, mean_lines, mean_points, share
from gyebo.claims.interface import Claim, Clock, Effect, Measurement
from gyebo.claims.pictures import digits
from gyebo.claims.training import seeded
from gyebo.layers.activations import relu, tanh
from gyebo.layers.initialization import GAINS, kaiming_normal, normal, xavier_normal
from gyebo.models.foundations.mlp import MLP, MLPConfig
from gyebo.training.config import OptimizerConfig
from gyebo.training.randomness import mix
from gyebo.views.figure import Figure, figure_of

LAYERS, WIDTH, INPUTS = 30, 1024, 100
TRAINED_WIDTH, SIDE = 64, 8
UPDATES = 200
RATES = (0.01, 0.03)
"""each start gets the better of these"""

Draw = Callable[..., Tensor]

STARTS: Mapping[str, tuple[Callable[[Tensor], Tensor], Draw]] = {
    "ReLU, He": (relu, kaiming_normal),
    "ReLU, Xavier": (relu, xavier_normal),
    "ReLU, N(0, 0.01²)": (relu, partial(normal, std=0.01)),
    "tanh, Xavier": (tanh, partial(xavier_normal, gain=GAINS["tanh"])),
    "tanh, N(0, 1)": (tanh, partial(normal, std=1.0)),
}
TRAINED: Mapping[str, Literal["he", "xavier"]] = {"ReLU, He": "he", "ReLU, Xavier": "xavier"}


def deviations(name: str, draw: Generator) -> list[float]:
    """The standard deviation of the activations of each layer, for inputs of N(0, 1)."""
    activation, start = STARTS[name]
    signal = torch.randn(INPUTS, WIDTH, generator=draw)
    found = []
    for _ in range(LAYERS):
        signal = activation(signal @ start((WIDTH, WIDTH), generator=draw).T)
        found.append(float(signal.double().std()))
    return found


def network(initialization: Literal["he", "xavier"], seed: int) -> MLP:
    """Thirty hidden layers of ReLU."""
    with seeded(seed):
        return MLP(
            MLPConfig(
                num_channels=1,
                num_classes=10,
                image_size=SIDE,
                widths=(TRAINED_WIDTH,) * LAYERS,
                activation="relu",
                initialization=initialization,
            )
        )


def measure(seed: int, clock: Clock, updates: int = UPDATES) -> Measurement:
    table: list[dict[str, Any]] = []
    for name in STARTS:
        clock()
        clock.say(f"{name}: {LAYERS} layers, untrained")
        found = deviations(name, torch.Generator().manual_seed(mix(seed, 1)))
        table += [{"part": "untrained", "start": name, "layer": layer, "deviation": std} for layer, std in enumerate(found, 1)]
    deviation = {(row["start"], row["layer"]): row["deviation"] for row in table}

    def halvings(name: str) -> float:
        return math.log2(deviation[name, 1] / deviation[name, LAYERS])

    pictures, test = digits()
    accuracy: dict[str, float] = {}
    for name, initialization in TRAINED.items():
        for rate in RATES:
            clock.say(f"{name}: {updates} updates at rate {rate:g}")
            model = network(initialization, seed)
            training = Training(optimizer=OptimizerConfig(name="sgd", rate=rate, momentum=0.9))
            train(model, pictures, training, seed, clock, updates)
            right = judge(model, test).accuracy
            accuracy[name] = max(right, accuracy.get(name, 0.0))
            table.append({"part": "trained", "start": name, "rate": rate, "accuracy": right})
    return Measurement(
        effects={
            "he_keeps": -abs(halvings("ReLU, He")),
            "xavier_loses_after_relu": halvings("ReLU, Xavier"),
            "xavier_keeps_with_tanh": -abs(halvings("tanh, Xavier")),
            "accuracy_gain": accuracy["ReLU, He"] - accuracy["ReLU, Xavier"],
        },
        table=table,
    )


def draw(rows: list[dict[str, Any]]) -> Figure:
    untrained = [row for row in rows if row["part"] == "untrained" and row["deviation"] >= FAINTEST]
    exponents = range(-8, 1, 2)
    panel = mean_lines(
        untrained,
        alt.X("layer:Q", title="layer", axis=alt.Axis(grid=False)),
        alt.Y(
            "deviation:Q",
            title="standard deviation of the activations (log)",
            scale=alt.Scale(type="log", domain=[FAINTEST, 1.2]),
            axis=alt.Axis(values=[10.0**power for power in exponents], format=".0e", domain=False, ticks=False),
        ),
        "start",
        list(STARTS),
    )
    trained = mean_points(
        _best_rate([row for row in rows if row["part"] == "trained"]),
        alt.X("start:N", title=None, axis=alt.Axis(labelAngle=0, grid=False)),
        share("accuracy"),
        "start",
        list(STARTS),
    ).properties(width=180)
    caption = (
        f"Left: what arrives at each of {LAYERS} layers of {WIDTH} units before any training; lines end where less than {FAINTEST:g} is"
        f" left. Right: test accuracy of {LAYERS} layers of {TRAINED_WIDTH} units after {UPDATES} updates, at the better of two rates;"
        " chance is 0.1. Means over the seeds; faint dots: seeds."
    )
    return figure_of("mlp-initialization", "What arrives at the last layer", caption, {"rows": rows}, faceted([panel, trained]))


FAINTEST = 1e-8


def _best_rate(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    best: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        place = row["seed"], row["start"]
        if place not in best or row["accuracy"] > best[place]["accuracy"]:
            best[place] = row
    return list(best.values())


CLAIM = Claim(
    name="mlp-initialization",
    parent="mlp",
    child="mlp",
    statement="Xavier's first weights keep a signal alive through thirty layers of tanh, but ReLU halves it at every layer; He's double"
    " variance keeps it, and only then thirty layers learn.",
    korean="Xavier 초기화는 tanh 30층을 지나도 신호를 지키지만, ReLU는 층마다 신호의 분산을 반으로 줄인다. 분산을 두 배로 한 He 초기화는"
    " 신호를 지키고, 그때에만 30층이 학습된다.",
    source="Glorot and Bengio 2010, eq. 16; He et al. 2015 (1502.01852), section 2.2 and figure 3",
    question=(
        "Inputs of N(0, 1) pass 30 untrained layers of 1,024 units, under five pairs of activation and first weights: which share of the"
        " first layer's standard deviation is left at the last? Then 30 layers of 64 ReLUs learn handwritten digits of 8x8 pixels"
        " (momentum 0.9, 200 updates of 64 pictures, the better of two rates), from He's weights and from Xavier's: which share of 500"
        " unseen digits do they get right? Chance is a tenth."
    ),
    outcomes={
        "holds": "He's deviation stays level, Xavier's falls in a straight line on a log scale under ReLU and stays level under tanh, and"
        " only the network of He learns.",
        "does not hold": "He's or Xavier's deviation leaves a factor of two where it should stay, or Xavier's thirty layers of ReLU learn"
        " too.",
        "undecided": "What arrives depends on the draw of the weights as much as on their variance.",
    },
    effects=(
        Effect(
            name="he_keeps",
            meaning="minus the absolute log2 of the last layer's deviation / the first layer's, ReLU with He's weights",
            at_least=-1.0,
            why="a factor of two over thirty layers; a variance that is wrong by a tenth would already make it a factor of four",
        ),
        Effect(
            name="xavier_loses_after_relu",
            meaning="how often the deviation is halved from the first layer to the last, ReLU with Xavier's weights",
            at_least=10.0,
            why="a thousandth is left; theory says 14.5, half a halving of the deviation at each of 29 layers",
        ),
        Effect(
            name="xavier_keeps_with_tanh",
            meaning="minus the absolute log2 of the last layer's deviation / the first layer's, tanh with Xavier's weights and gain 5/3",
            at_least=-1.0,
            why="the same factor of two that He's weights are allowed",
        ),
        Effect(
            name="accuracy_gain",
            meaning="accuracy on unseen digits of the thirty layers from He's weights minus those from Xavier's",
            at_least=0.3,
            why="chance has 0.1 and a single layer 0.95: 0.3 is more than one that learned nothing can be ahead of another",
        ),
    ),
    seeds=(1, 2, 3, 4, 5),
    minutes=3,
    measure=measure,
    draw=draw,
)
