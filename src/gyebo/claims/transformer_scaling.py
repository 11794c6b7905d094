"""transformer-scaling: dot products grow with the width of a head until the softmax saturates; dividing by sqrt(d_k) keeps it soft.

Two looks at one cause. First without any learning: queries and keys of unit variance have dot products of variance d_k, so the weights
of an unscaled head crowd on one key and its gradient dies. Then trained: the same Transformer, from the same first weights, with and
without the division, at a narrow and at a wide head.
"""

from __future__ import annotations

import math
from typing import Any

import altair as alt
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from gyebo.claims.drawing import faceted, mean_lines, share
from gyebo.claims.interface import Claim, Clock, Effect, Measurement
from gyebo.claims.synthetic import generator, reversal
from gyebo.claims.training import Budget, Training, seeded, train, writing
from gyebo.layers.multi_head import MultiHeadAttention
from gyebo.models.attention.transformer import Transformer, TransformerConfig
from gyebo.models.interfaces import FIRST_TOKEN
from gyebo.views.figure import Figure, figure_of

KEYS, QUERIES = 64, 400
HEAD_WIDTHS = (4, 16, 64, 256, 1024)

SYMBOLS, SHORTEST, LONGEST = 10, 3, 8
WIDTH, NARROW = 64, 8
TRAINED = {
    "scaled": ((NARROW, 2e-3), (WIDTH, 2e-3)),
    "unscaled": ((NARROW, 2e-3), (WIDTH, 2e-3), (WIDTH, 6e-4)),
}
"""head widths and learning rates: a wide head that is not scaled gets a second chance at a lower rate"""
BUDGET = Budget(updates=250, training_pairs=20_000, test_pairs=500)


class SharpQueries(nn.Module):
    """A parametrization of W^Q, W^K, W^V that multiplies the queries by a factor: sqrt(d_k) undoes the division by it.

    The weights that are learned start, and are updated, exactly as those of a scaled attention.
    """

    def __init__(self, width: int, factor: float) -> None:
        super().__init__()
        self.width, self.factor = width, factor

    def forward(self, projection: Tensor) -> Tensor:
        """(3D, D) -> (3D, D), of which the first D rows make the queries."""
        return torch.cat([projection[: self.width] * self.factor, projection[self.width :]])


def without_scaling(model: nn.Module) -> nn.Module:
    """The model with softmax(Q K^T) V in the place of softmax(Q K^T / sqrt(d_k)) V."""
    attentions = [module for module in model.modules() if isinstance(module, MultiHeadAttention)]
    for attention in attentions:
        factor = math.sqrt(attention.width / attention.num_heads)
        parametrize.register_parametrization(attention, "projection", SharpQueries(attention.width, factor))
    return model


def saturation(scores: Tensor) -> dict[str, float]:
    """What the softmax makes of scores (queries, keys): means over the queries.

    entropy: nats, at most ln(keys).  largest: the largest weight.  jacobian: the Frobenius norm of d weights / d scores, which is
    diag(w) - w w^T, so that its square is sum w^2 - 2 sum w^3 + (sum w^2)^2.
    >>> saturation(torch.zeros(1, 2))
    {'entropy': 0.693..., 'largest weight': 0.5, 'jacobian': 0.5}
    """
    weights = scores.double().softmax(-1)
    squares, cubes = weights.square().sum(-1), weights.pow(3).sum(-1)
    return {
        "entropy": float(torch.special.entr(weights).sum(-1).mean()),
        "largest weight": float(weights.amax(-1).mean()),
        "jacobian": float((squares - 2 * cubes + squares.square()).clamp_min(0).sqrt().mean()),  # rounding may end below 0
    }


def measure(seed: int, clock: Clock, budget: Budget = BUDGET) -> Measurement:
    table: list[dict[str, Any]] = _untrained(seed)
    entropy = {(row["scores"], row["head width"]): row["entropy"] for row in table}
    training = reversal(generator(seed, "train"), budget.training_pairs, SYMBOLS, SHORTEST, LONGEST)
    test = reversal(generator(seed, "test"), budget.test_pairs, SYMBOLS, SHORTEST, LONGEST)
    best: dict[tuple[str, int], float] = {}
    for scores, runs in TRAINED.items():
        for head_width, rate in runs:
            clock.say(f"{scores}, heads of {head_width}, rate {rate:g}: {budget.updates} updates")
            with seeded(seed):
                model = _transformer(head_width)
                if scores == "unscaled":
                    model = without_scaling(model)
                train(model, training, budget.updates, Training(rate=rate, tokens=600), seed, clock)
            accuracy = writing(model, test, clock).accuracy
            best[scores, head_width] = max(accuracy, best.get((scores, head_width), 0.0))
            table.append({"part": "trained", "scores": scores, "head width": head_width, "rate": rate, "token accuracy": accuracy})
    narrowest, widest = HEAD_WIDTHS[0], HEAD_WIDTHS[-1]
    return Measurement(
        effects={
            "entropy_lost_unscaled": (entropy["unscaled", narrowest] - entropy["unscaled", widest]) / math.log(KEYS),
            "entropy_kept_scaled": entropy["scaled", widest] / entropy["scaled", narrowest],
            "accuracy_gain": best["scaled", WIDTH] - best["unscaled", WIDTH],
        },
        table=table,
    )


def _untrained(seed: int) -> list[dict[str, Any]]:
    draw = torch.Generator().manual_seed(seed)
    rows = []
    for head_width in HEAD_WIDTHS:
        scores = torch.randn(QUERIES, head_width, generator=draw) @ torch.randn(head_width, KEYS, generator=draw)
        for name, divisor in (("scaled", math.sqrt(head_width)), ("unscaled", 1.0)):
            rows.append({"part": "untrained", "scores": name, "head width": head_width, **saturation(scores / divisor)})
    return rows


def _transformer(head_width: int) -> Transformer:
    vocabulary = FIRST_TOKEN + SYMBOLS
    return Transformer(
        TransformerConfig(
            source_vocabulary=vocabulary,
            target_vocabulary=vocabulary,
            width=WIDTH,
            num_heads=WIDTH // head_width,
            num_layers=1,
            feed_forward_width=2 * WIDTH,
            dropout=0.0,
        )
    )


def draw(rows: list[dict[str, Any]]) -> Figure:
    names = list(TRAINED)
    entropy = mean_lines(
        [row for row in rows if row["part"] == "untrained"],
        alt.X(
            "head width:Q",
            title="width of a head, d_k (log)",
            scale=alt.Scale(type="log", base=2),
            axis=alt.Axis(values=list(HEAD_WIDTHS), grid=False),
        ),
        alt.Y(
            "entropy:Q", title="entropy of 64 weights before training, nats", axis=alt.Axis(tickCount=5, domain=False, ticks=False)
        ),
        "scores",
        names,
    )
    trained = mean_lines(
        _best_rate([row for row in rows if row["part"] == "trained"]),
        alt.X("head width:O", title="width of a head, d_k", axis=alt.Axis(labelAngle=0, grid=False)),
        share("token accuracy"),
        "scores",
        names,
    )
    caption = (
        "Left: entropy of the attention weights over 64 keys, for random queries and keys of unit variance; ln 64 = 4.16 would be"
        f" uniform. Right: token accuracy after {BUDGET.updates} updates on the reversal of strings, at the better one of the learning"
        " rates that were tried. Lines through the means of the seeds."
    )
    return figure_of("transformer-scaling", "Division by the root of d_k", caption, {"rows": rows}, faceted([entropy, trained]))


def _best_rate(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    best: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        place = row["seed"], row["scores"], row["head width"]
        if place not in best or row["token accuracy"] > best[place]["token accuracy"]:
            best[place] = row
    return list(best.values())


CLAIM = Claim(
    name="transformer-scaling",
    parent="transformer",
    child="transformer",
    statement="Dot products grow with the width of a head and push the softmax where its gradient is tiny; dividing them by the root of"
    " d_k prevents it.",
    korean="내적은 헤드의 폭이 커질수록 커져서 softmax를 기울기가 거의 없는 곳으로 밀어낸다. d_k의 제곱근으로 나누면 이를 막는다.",
    source="Vaswani et al. 2017 (1706.03762), section 3.2.1 and its footnote 4",
    question="How soft are weights over 64 keys for random queries and keys of unit variance and widths from 4 to 1,024, with and"
    " without the division? And how well does a Transformer of one layer and width 64 reverse strings of 3 to 8 symbols after 250"
    " updates with one head of width 64, divided or not, at the same rate or, not divided, at 0.3 of it?",
    outcomes={
        "holds": "Scaled weights are as soft at every width and unscaled ones crowd on one key; unscaled wide heads learn much less.",
        "does not hold": "Softness hardly depends on the width, or the unscaled Transformer learns as fast as the scaled one.",
        "undecided": "Before training the effect is there, and in training it is smaller than the differences between seeds.",
    },
    effects=(
        Effect(
            name="entropy_lost_unscaled",
            meaning="entropy of unscaled weights at d_k = 4 minus that at d_k = 1,024, as a share of the uniform ln 64",
            at_least=0.5,
            why="Half of the whole range from uniform to one key: then most of the weight stands on one key. 400 queries leave less"
            " than 2 points to chance.",
        ),
        Effect(
            name="entropy_kept_scaled",
            meaning="entropy of scaled weights at d_k = 1,024 divided by that at d_k = 4",
            at_least=0.95,
            why="Scaled scores have variance 1 at every width, so nothing may be lost but what chance takes: 1 or 2 points.",
        ),
        Effect(
            name="accuracy_gain",
            meaning="token accuracy after 250 updates with one head of width 64: scaled, minus unscaled at the better one of two rates",
            at_least=0.1,
            why="Seeds differ by a few points; ten points at an equal number of updates are seen in any curve.",
        ),
    ),
    seeds=(1, 2, 3),
    minutes=6,
    measure=measure,
    draw=draw,
)
