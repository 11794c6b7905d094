"""mlp-dropout: training without half of the units narrows the gap between training and test; where labels are wrong, it raises the test.

The textbook sentence is that dropout lowers the test error. On few clean digits it does not, or hardly, so clean digits are here for the
gap alone; with two of five labels drawn at random a network without dropout learns them by heart, and the test says what that costs.
"""

from __future__ import annotations

from typing import Any

import altair as alt
import torch

from gyebo.claims.classifying import Examples, Training, judge, train
from gyebo.claims.drawing import faceted, mean_points, share
from gyebo.claims.interface import Claim, Clock, Effect, Measurement
from gyebo.claims.pictures import digits, generator
from gyebo.claims.training import seeded
from gyebo.models.foundations.mlp import MLP, MLPConfig
from gyebo.training.config import OptimizerConfig
from gyebo.views.figure import Figure, figure_of

WIDTH = 400
DROPPED = {"none": 0.0, "dropout": 0.5}
"""share of the hidden units that is left out in training"""
WRONG = {"clean labels": 0.0, "wrong labels": 0.4}
"""share of the training labels that is drawn anew"""
PICTURES, UPDATES = 800, 600
TRAINING = Training(optimizer=OptimizerConfig(rate=1e-3), batch=64)


def network(dropped: float) -> MLP:
    return MLP(
        MLPConfig(
            num_channels=1,
            num_classes=10,
            image_size=8,
            widths=(WIDTH, WIDTH),
            activation="relu",
            initialization="he",
            dropout=dropped,
        )
    )


def mislabelled(examples: Examples, share_wrong: float, draw: torch.Generator) -> Examples:
    """The examples, of which so large a share has labels drawn anew from all ten; a tenth of these happens to be right."""
    labels = examples.labels.clone()
    chosen = torch.randperm(len(labels), generator=draw)[: round(share_wrong * len(labels))]
    labels[chosen] = torch.randint(0, 10, (len(chosen),), generator=draw)
    return Examples(examples.inputs, labels)


def measure(seed: int, clock: Clock, updates: int = UPDATES) -> Measurement:
    digit_pictures, test = digits()
    table: list[dict[str, Any]] = []
    for labels, share_wrong in WRONG.items():
        pictures = mislabelled(digit_pictures.first(PICTURES), share_wrong, generator(seed, labels))
        for name, dropped in DROPPED.items():
            clock.say(f"{labels}, {name}: {updates} updates")
            with seeded(seed):
                model = network(dropped)
                train(model, pictures, TRAINING, seed, clock, updates)
            learned, unseen = judge(model, pictures).accuracy, judge(model, test).accuracy
            table.append({"labels": labels, "network": name, "training": learned, "test": unseen, "gap": learned - unseen})
    found = {(row["labels"], row["network"]): row for row in table}
    clean, wrong = WRONG
    return Measurement(
        effects={
            "gap_narrowed": found[wrong, "none"]["gap"] - found[wrong, "dropout"]["gap"],
            "test_gain": found[wrong, "dropout"]["test"] - found[wrong, "none"]["test"],
            "test_kept_when_clean": found[clean, "dropout"]["test"] - found[clean, "none"]["test"],
        },
        table=table,
    )


def draw(rows: list[dict[str, Any]]) -> Figure:
    places = [
        {"seed": row["seed"], "labels": row["labels"], "network": row["network"], "measured on": name, "share right": row[name]}
        for row in rows
        for name in ("training", "test")
    ]
    panels = [
        mean_points(
            [row for row in places if row["labels"] == labels],
            alt.X("measured on:N", title=None, sort=["training", "test"], axis=alt.Axis(labelAngle=0, grid=False)),
            share("share right"),
            "network",
            list(DROPPED),
        ).properties(title=labels, width=200)
        for labels in WRONG
    ]
    caption = (
        f"Two layers of {WIDTH} ReLUs on {PICTURES} handwritten digits, with {WRONG['wrong labels']:.0%} of the training labels drawn at"
        f" random on the right; the test's labels are right. After {UPDATES} updates. Means over the seeds; faint dots: seeds."
    )
    return figure_of("mlp-dropout", "Learned by heart, and not", caption, {"rows": rows}, faceted(panels))


CLAIM = Claim(
    name="mlp-dropout",
    parent="mlp",
    child="mlp",
    statement="Dropout keeps a network from learning its training labels by heart: the gap to the test narrows, and where labels are wrong"
    " the test gains; on clean labels it costs nothing.",
    korean="드롭아웃은 훈련 라벨을 통째로 외우지 못하게 한다. 훈련과 시험의 차이가 줄고, 틀린 라벨이 섞이면 시험 성적이 오르며, 깨끗한"
    " 라벨에서도 손해는 없다.",
    source="Hinton et al. 2012 (1207.0580); Srivastava et al. 2014 (JMLR 15), sections 1 and 6.1",
    question=(
        "Two layers of 400 ReLUs learn 800 handwritten digits of 8x8 pixels with Adam, 600 updates of 64, with and without dropout (0.5"
        " of the units); once with their own labels, once with 40 % of the labels drawn at random. Which share of the"
        " training labels, and of 500 unseen digits with right labels, does each get right?"
    ),
    outcomes={
        "holds": "With wrong labels the network without dropout gets all of its training right and a third of the test wrong; dropout the"
        " other way round. With clean labels the two are alike.",
        "does not hold": "Dropout leaves the gap or the test with wrong labels as they were, or spoils the test with clean ones.",
        "undecided": "Which labels were drawn matters more than dropout, or what it costs on clean labels is within what seeds differ by.",
    },
    effects=(
        Effect(
            name="gap_narrowed",
            meaning="accuracy on the training labels minus that on the test, wrong labels: without dropout minus with it",
            at_least=0.2,
            why="a fifth of all pictures; a network that learns everything by heart has a gap of about a third",
        ),
        Effect(
            name="test_gain",
            meaning="accuracy on unseen digits after training on wrong labels: with dropout minus without",
            at_least=0.1,
            why="500 unseen digits leave 2 points to chance; a third of the errors that the wrong labels make would matter",
        ),
        Effect(
            name="test_kept_when_clean",
            meaning="accuracy on unseen digits after training on clean labels: with dropout minus without",
            at_least=-0.01,
            why="a point, five of 500 digits. A gain is not asked for: on few clean digits there is none to be had",
        ),
    ),
    seeds=(1, 2, 3, 4),
    minutes=3,
    measure=measure,
    draw=draw,
)
