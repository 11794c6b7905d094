"""mlp-optimizers: in a ravine the steep direction bounds the rate of gradient descent, and the flat one has to wait.

A rate of 2 / curvature or more diverges across the ravine, and along its floor the same rate moves a hundredth as far. Rules with a
step of its own for each parameter undo this where the ravine runs along an axis, and only there: each of their steps is the gradient
times a diagonal matrix, and a turned ravine is not one. A velocity does not know of axes. Every rule gets the best rate of one and
the same ladder, so that none is a straw man.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import altair as alt
import torch
from torch import Tensor

from gyebo.claims.drawing import faceted, mean_points
from gyebo.claims.interface import Claim, Clock, Effect, Measurement
from gyebo.training.update_rules import RULES, Rule
from gyebo.views.figure import Figure, figure_of

STEEPER = 100.0
"""curvature across the ravine divided by that along it"""
DIAGONAL = ("adagrad", "rmsprop")
"""a step for each parameter, and no velocity"""
WITH_VELOCITY = ("momentum", "adam")
TRIED = ("gradient-descent", *DIAGONAL, *WITH_VELOCITY)
RATES = tuple(2.0 ** (half / 2) for half in range(-12, 7))
MOST_STEPS = 1000
NEAR = 0.05
"""the distance from the minimum that counts as arrived; every start is 0.3 to 1.4 away"""
ENOUGH = 0.9
DIVERGED = 1e6
STARTS = 20
ANGLES = {"along an axis": 0.0, "turned by 45°": math.pi / 4}


def turned(angle: float) -> Tensor:
    """The rotation whose rows are the directions along and across a ravine.

    >>> turned(0.0)
    tensor([[1., 0.],
            [-0., 1.]], dtype=torch.float64)
    """
    return torch.tensor([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]], dtype=torch.float64)


def curvature(angle: float) -> Tensor:
    """H of the ravine f(p) = p H p / 2, whose gradient is p H: 1 / STEEPER along it, 1 across."""
    axes = turned(angle)
    return axes.T @ torch.diag(torch.tensor([1 / STEEPER, 1.0], dtype=torch.float64)) @ axes


def draw_starts(seed: int, angle: float) -> Tensor:
    """(STARTS, 2): 0.2 to 1 from the minimum in both directions of the ravine, on either side; the same ones, turned, at any angle."""
    draw = torch.Generator().manual_seed(seed)
    far = 0.2 + 0.8 * torch.rand(STARTS, 2, generator=draw, dtype=torch.float64)
    side = 2 * torch.randint(0, 2, (STARTS, 2), generator=draw) - 1
    return far * side @ turned(angle)


def arrival(rule: Rule[Any, Any], points: Tensor, angle: float, clock: Clock, most_steps: int) -> int:
    """Steps until nine tenths of the starts have arrived; `most_steps` where they have not by then.

    The update rules work on each number alone: all starts walk at once, and none knows of the others.
    """
    state, hessian = rule.start(points), curvature(angle)
    for steps in range(1, most_steps):
        clock()
        points, state = rule.step(points, points @ hessian, state)
        distances = points.norm(dim=-1)
        if float((distances <= NEAR).double().mean()) >= ENOUGH:
            return steps
        if not bool((distances < DIVERGED).all()):
            break
    return most_steps


def measure(seed: int, clock: Clock, most_steps: int = MOST_STEPS, rates: Sequence[float] = RATES) -> Measurement:
    table: list[dict[str, Any]] = []
    for ravine, angle in ANGLES.items():
        starts = draw_starts(seed, angle)
        for name in TRIED:
            clock.say(f"{name} in a ravine {ravine}")
            rules = [replace(RULES[name], settings=replace(RULES[name].settings, rate=rate)) for rate in rates]
            steps, rate = min((arrival(rule, starts, angle, clock, most_steps), rule.settings.rate) for rule in rules)
            table.append({"ravine": ravine, "rule": name, "steps": steps, "rate": rate})
    steps_of = {(row["ravine"], row["rule"]): row["steps"] for row in table}
    along, across = ANGLES

    def saved(ravine: str, rules: Sequence[str]) -> float:
        return math.log2(steps_of[ravine, "gradient-descent"] / max(steps_of[ravine, name] for name in rules))

    return Measurement(
        effects={
            "diagonal_saved": saved(along, DIAGONAL),
            "lost_when_turned": saved(along, DIAGONAL) - saved(across, DIAGONAL),
            "velocity_saved": min(saved(ravine, WITH_VELOCITY) for ravine in ANGLES),
        },
        table=table,
    )


def draw(rows: list[dict[str, Any]]) -> Figure:
    panels = [
        mean_points(
            [row for row in rows if row["ravine"] == ravine],
            alt.X("rule:N", title=None, sort=list(TRIED), axis=alt.Axis(labelAngle=-30, grid=False)),
            alt.Y(
                "steps:Q",
                title="steps until 9 of 10 have arrived (log)",
                scale=alt.Scale(type="log", domain=[1, MOST_STEPS]),
                axis=alt.Axis(values=[1, 10, 100, 1000], domain=False, ticks=False),
            ),
            "rule",
            TRIED,
        ).properties(title=f"a ravine {ravine}", width=260)
        for ravine in ANGLES
    ]
    caption = (
        f"A ravine {STEEPER:g} times as steep across as along, entered from {STARTS} places a seed; each rule at the best of"
        f" {len(RATES)} rates. Dots: means over the seeds; faint dots: seeds."
    )
    return figure_of("mlp-optimizers", "Out of a ravine", caption, {"rows": rows}, faceted(panels))


CLAIM = Claim(
    name="mlp-optimizers",
    parent="mlp",
    child="mlp",
    statement="In a ravine along an axis, a step of its own for each parameter arrives long before gradient descent does; where the"
    " ravine is turned that lead is lost, and that of a velocity is not.",
    korean="축을 따라 난 골짜기에서는 매개변수마다 걸음을 따로 정하는 규칙이 경사 하강법보다 훨씬 먼저 도착한다. 골짜기가 기울면 그"
    " 이점은 사라지지만, 속도를 기억하는 규칙의 이점은 남는다.",
    source="Duchi, Hazan and Singer 2011 (Adagrad), section 1.1; Ruder 2016 (1609.04747), sections 4.1 and 4.9",
    question=(
        "A quadratic ravine is 100 times as steep across as along, and runs along an axis or is turned by 45 degrees. Gradient descent,"
        " Adagrad and RMSprop (a step for each parameter), momentum (a velocity) and Adam (both) start at the same 20 places, each at"
        " the best of 19 rates from 1/64 to 8. After how many steps, at most 1,000, are nine tenths of the starts within 0.05 of the"
        " minimum? This is about the geometry, not about noise or about networks."
    ),
    outcomes={
        "holds": "Along an axis Adagrad and RMSprop are far ahead of gradient descent; turned, they are hardly ahead, while momentum and"
        " Adam still are.",
        "does not hold": "One of the two is no faster along an axis, or is as fast in the turned ravine; or a velocity saves less than"
        " half of the steps.",
        "undecided": "Where the walk begins matters more than the rule.",
    },
    effects=(
        Effect(
            name="diagonal_saved",
            meaning="log2 of the steps of gradient descent / those of the slower one of Adagrad and RMSprop, in a ravine along an axis",
            at_least=2.0,
            why=(
                "a quarter of the steps: rates on the ladder are a factor of 1.4 apart, so that an unlucky rung alone could make a"
                " difference of half a unit"
            ),
        ),
        Effect(
            name="lost_when_turned",
            meaning="how much smaller diagonal_saved is in the ravine turned by 45 degrees, in the same unit",
            at_least=2.0,
            why="the whole lead that is claimed above; a rule that did not depend on the axes would lose nothing",
        ),
        Effect(
            name="velocity_saved",
            meaning="log2 of the steps of gradient descent / those of the slower one of momentum and Adam, in that ravine of the two where"
            " it is smaller",
            at_least=1.0,
            why="half of the steps; theory has about the root of 100 for the best momentum, and here momentum stays at torch's 0.9",
        ),
    ),
    minutes=3,
    measure=measure,
    draw=draw,
)
