"""mlp-batch-norm: with batch normalisation a network learns at rates at which it diverges without.

The scale of a layer's weights cancels in what follows it: a step that is too long makes the weights grow, and the next gradient smaller
by as much. So the question is not at which rate each is best but how far up the ladder of rates each still learns; and then, at the
best rate of each, whether anything is gained in updates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import altair as alt
import torch
from torch import Generator, nn

from gyebo.claims.classifying import Examples, Training, judge, updates_until
from gyebo.claims.drawing import mean_lines
from gyebo.claims.interface import Claim, Clock, Effect, Measurement
from gyebo.claims.pictures import digits, generator
from gyebo.layers.initialization import kaiming_normal, xavier_normal
from gyebo.training.config import OptimizerConfig
from gyebo.views.figure import Figure, figure_of

LAYERS, WIDTH = 5, 100
RATES = tuple(10.0 ** (quarter / 4) for quarter in range(-8, 7))
LEARNED = 0.9
UPDATES, EVERY, BATCH = 400, 10, 50
NETWORKS = ("plain", "batch normalisation")


def network(name: str, inputs: int, classes: int, draw: Generator) -> nn.Sequential:
    """Five layers of ReLU from He's weights; batch normalisation stands before each ReLU, as in the paper."""
    layers: list[nn.Module] = [nn.Flatten()]
    for below in (inputs, *[WIDTH] * (LAYERS - 1)):
        normalize = nn.BatchNorm1d(WIDTH) if name == "batch normalisation" else nn.Identity()
        layers += [started(nn.Linear(below, WIDTH), kaiming_normal((WIDTH, below), generator=draw)), normalize, nn.ReLU()]
    return nn.Sequential(*layers, started(nn.Linear(WIDTH, classes), xavier_normal((classes, WIDTH), generator=draw)))


def started(layer: nn.Linear, weight: torch.Tensor) -> nn.Linear:
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.zero_()
    return layer


def measure(seed: int, clock: Clock, most: int = UPDATES, rates: Sequence[float] = RATES) -> Measurement:
    pictures, test = digits()
    table: list[dict[str, Any]] = []
    for name in NETWORKS:
        for rate in rates:
            clock.say(f"{name} at rate {rate:.3g}")
            needed = _updates_needed(name, rate, pictures, test, seed, clock, most)
            table.append({"network": name, "rate": rate, "learned": needed is not None, "updates": needed or most})
    highest = {name: max([row["rate"] for row in _learned(table, name)], default=rates[0]) for name in NETWORKS}
    fewest = {name: min([row["updates"] for row in _learned(table, name)], default=2 * most) for name in NETWORKS}
    return Measurement(
        effects={
            "higher_rates": math.log10(highest["batch normalisation"] / highest["plain"]),
            "updates_saved": math.log2(fewest["plain"] / fewest["batch normalisation"]),
        },
        table=table,
    )


def _updates_needed(name: str, rate: float, pictures: Examples, test: Examples, seed: int, clock: Clock, most: int) -> int | None:
    model = network(name, pictures.inputs[0].numel(), 10, generator(seed, "weights"))
    training = Training(
        optimizer=OptimizerConfig(name="sgd", rate=rate, clip=0.0), batch=BATCH
    )  # clipping would cut high rates down

    def reached() -> bool:
        return judge(model, test).accuracy >= LEARNED

    return updates_until(reached, model, pictures, training, seed, clock, most=most, every=EVERY)


def _learned(table: Sequence[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [row for row in table if row["network"] == name and row["learned"]]


def draw(rows: list[dict[str, Any]]) -> Figure:
    chart = mean_lines(
        [row for row in rows if row["learned"]],
        alt.X(
            "rate:Q",
            title="learning rate (log)",
            scale=alt.Scale(type="log", domain=[min(RATES), max(RATES)]),
            axis=alt.Axis(values=[0.01, 0.1, 1, 10], grid=False),
        ),
        alt.Y(
            "updates:Q",
            title=f"updates until {LEARNED:.0%} of unseen digits are right",
            scale=alt.Scale(domain=[0, UPDATES]),
            axis=alt.Axis(tickCount=5, domain=False, ticks=False),
        ),
        "network",
        list(NETWORKS),
    )
    caption = (
        f"{LAYERS} layers of {WIDTH} ReLUs on handwritten digits of 8x8 pixels, plain gradient descent. A line ends where no seed learns"
        f" within {UPDATES} updates. Lines through the means of the seeds that learn; faint dots: seeds."
    )
    return figure_of("mlp-batch-norm", "How far up the rates still serve", caption, {"rows": rows}, chart)


CLAIM = Claim(
    name="mlp-batch-norm",
    parent="mlp",
    child="mlp",
    statement="With batch normalisation a network learns at rates several times higher than without, and at its best rate needs no more"
    " updates.",
    korean="배치 정규화를 쓰면 쓰지 않을 때보다 몇 배 높은 학습률에서도 배우고, 가장 좋은 학습률에서 갱신이 더 필요하지 않다.",
    source="Ioffe and Szegedy 2015 (1502.03167), sections 3.3 and 4.2.2",
    question=(
        "Five layers of 100 ReLUs from He's weights learn handwritten digits of 8x8 pixels by plain gradient descent, with and without"
        " batch normalisation before each ReLU, at fifteen rates from 0.01 to 32. At which rates does each get 90 % of 500 unseen digits"
        " right within 400 updates of 50 pictures, and after how many?"
    ),
    outcomes={
        "holds": "Its line goes on to the right where the plain network's has ended, and does not lie higher.",
        "does not hold": "The plain network learns at nearly the same rates, or at its best rate in fewer updates.",
        "undecided": "Where a network stops learning depends on the seed as much as on the normalisation.",
    },
    effects=(
        Effect(
            name="higher_rates",
            meaning="log10 of the highest rate at which it learns, with batch normalisation / without",
            at_least=0.7,
            why="five times: what the paper's first accelerated network has (BN-x5); neighbouring rates are a factor of 1.8 apart",
        ),
        Effect(
            name="updates_saved",
            meaning="log2 of the updates at the best rate, without batch normalisation / with it",
            at_least=0.0,
            why="no more updates is what has to be; the paper's 14 times fewer are of another network and ImageNet",
        ),
    ),
    seeds=(1, 2, 3, 4, 5),
    minutes=3,
    measure=measure,
    draw=draw,
)
