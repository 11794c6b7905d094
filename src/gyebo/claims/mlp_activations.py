"""mlp-activations: a gradient passes ten layers of ReLU or tanh, and dies in ten layers of sigmoid.

Each layer multiplies what goes back by its weights and by the slope of its activation, which for a sigmoid is at most a quarter. First
without learning: the gradient of each layer's weights, from the first weights that suit the activation. Then trained by plain gradient
descent, whose step is that gradient: a rule that divides by its size (Adam) would hide a small one.
"""

from __future__ import annotations

import math
from typing import Any

import altair as alt
import torch
from torch import nn

from gyebo.claims.classifying import Examples, Training, judge, train
from gyebo.claims.drawing import faceted, mean_lines, mean_points, share
from gyebo.claims.interface import Claim, Clock, Effect, Measurement
from gyebo.claims.pictures import digits
from gyebo.claims.training import seeded
from gyebo.models.foundations.mlp import MLP, MLPConfig
from gyebo.training.config import OptimizerConfig
from gyebo.views.figure import Figure, figure_of

LAYERS, WIDTH, SIDE = 10, 100, 8
RATES = (0.03, 0.1, 0.3)
"""each activation gets the best of these"""
UPDATES, BATCH = 300, 50
FEWEST = 1e-30
"""stands for a gradient that is 0 in float32, so that its logarithm is a number"""

STARTS = {"sigmoid": "xavier", "tanh": "xavier", "relu": "he"}
"""activation -> the first weights that were made for it"""


def network(activation: str, seed: int) -> MLP:
    with seeded(seed):
        return MLP(
            MLPConfig(
                num_channels=1,
                num_classes=10,
                image_size=SIDE,
                widths=(WIDTH,) * LAYERS,
                activation=activation,  # type: ignore[arg-type]
                initialization=STARTS[activation],  # type: ignore[arg-type]
            )
        )


def gradient_norms(model: MLP, examples: Examples) -> list[float]:
    """The norm of the loss's gradient at the weights of each hidden layer."""
    weights = [layer.get_parameter("weight") for layer in model.hidden]
    loss = nn.functional.cross_entropy(model(examples.inputs), examples.labels)
    return [max(FEWEST, float(gradient.double().norm())) for gradient in torch.autograd.grad(loss, weights)]


def measure(seed: int, clock: Clock, updates: int = UPDATES) -> Measurement:
    pictures, test = digits()
    table: list[dict[str, Any]] = []
    left: dict[str, float] = {}
    accuracy: dict[str, float] = {}
    for name in STARTS:
        norms = gradient_norms(network(name, seed), pictures.first(500))
        left[name] = math.log10(norms[0] / norms[-1])
        table += [{"part": "gradient", "activation": name, "layer": layer, "norm": norm} for layer, norm in enumerate(norms, 1)]
        for rate in RATES:
            clock.say(f"{name}: {updates} updates at rate {rate:g}")
            model = network(name, seed)
            train(model, pictures, Training(optimizer=OptimizerConfig(name="sgd", rate=rate), batch=BATCH), seed, clock, updates)
            found = judge(model, test).accuracy
            accuracy[name] = max(found, accuracy.get(name, 0.0))
            table.append({"part": "trained", "activation": name, "rate": rate, "accuracy": found})
    return Measurement(
        effects={
            "sigmoid_loses": -left["sigmoid"],
            "others_keep": -max(abs(left["tanh"]), abs(left["relu"])),
            "accuracy_gain": min(accuracy["tanh"], accuracy["relu"]) - accuracy["sigmoid"],
        },
        table=table,
    )


def draw(rows: list[dict[str, Any]]) -> Figure:
    names = list(STARTS)
    gradients = mean_lines(
        [row for row in rows if row["part"] == "gradient"],
        alt.X("layer:O", title="layer", axis=alt.Axis(labelAngle=0, grid=False)),
        alt.Y(
            "norm:Q",
            title="norm of its gradient before training (log)",
            scale=alt.Scale(type="log"),
            axis=alt.Axis(format=".0e", tickCount=6, domain=False, ticks=False),
        ),
        "activation",
        names,
    )
    trained = mean_points(
        best_rate([row for row in rows if row["part"] == "trained"]),
        alt.X("activation:N", title=None, sort=names, axis=alt.Axis(labelAngle=0, grid=False)),
        share("accuracy"),
        "activation",
        names,
    ).properties(width=180)
    caption = (
        f"{LAYERS} layers of {WIDTH} units on handwritten digits of 8x8 pixels. Left: the gradient that reaches each layer before any"
        f" training. Right: test accuracy after {UPDATES} updates of plain gradient descent, at the best of three rates; chance is 0.1."
        " Means over the seeds; faint dots: seeds."
    )
    return figure_of("mlp-activations", "What reaches the first layer", caption, {"rows": rows}, faceted([gradients, trained]))


def best_rate(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of the rate at which an activation of a seed did best."""
    best: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        place = row["seed"], row["activation"]
        if place not in best or row["accuracy"] > best[place]["accuracy"]:
            best[place] = row
    return list(best.values())


CLAIM = Claim(
    name="mlp-activations",
    parent="mlp",
    child="mlp",
    statement="Ten layers of sigmoid leave the first one next to no gradient, and it does not learn; tanh and ReLU pass the gradient on.",
    korean="시그모이드 열 층을 지나면 첫 층에 기울기가 거의 남지 않아 학습되지 않는다. tanh와 ReLU는 기울기를 전한다.",
    source="Glorot and Bengio 2010, sections 3 and 4.2; Glorot, Bordes and Bengio 2011, section 3.1",
    question=(
        "Ten layers of 100 units read handwritten digits of 8x8 pixels. Before any training: how large is the gradient of the first"
        " layer's weights beside that of the tenth's, with sigmoid and Xavier's weights, tanh and Xavier's, ReLU and He's?"
        " Then each is trained by plain gradient descent for 300 updates of 50 pictures, at the best of the rates 0.03, 0.1 and 0.3."
    ),
    outcomes={
        "holds": "The gradient of the sigmoid falls by orders of magnitude towards the first layer and the others' stays level; only the"
        " others learn.",
        "does not hold": "The sigmoid's gradient arrives, or another's does not, or all learn alike.",
        "undecided": "The draw of the weights decides as much as the activation.",
    },
    effects=(
        Effect(
            name="sigmoid_loses",
            meaning="log10 of the gradient's norm at the tenth layer / at the first, sigmoid",
            at_least=3.0,
            why="the slope alone, a quarter in nine layers, would be 5.4; at 3 the first layer moves a thousand times less than the last",
        ),
        Effect(
            name="others_keep",
            meaning="minus the absolute log10 of the same ratio, the larger one of tanh and ReLU",
            at_least=-1.0,
            why="within a factor of ten, so that one rate can serve all layers",
        ),
        Effect(
            name="accuracy_gain",
            meaning="accuracy on 500 unseen digits: the worse one of tanh and ReLU minus the sigmoid",
            at_least=0.5,
            why="chance has 0.1 and a linear classifier 0.95; half of all digits is the difference between learning and not",
        ),
    ),
    minutes=3,
    measure=measure,
    draw=draw,
)
