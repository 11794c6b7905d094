"""transformer-heads: one head takes one weighted average; several heads, with the same parameters, find several things at once.

A decoder layer of the Transformer reads a memory of keys with values, once, and has to name the values of four keys that it is asked
for, in the order asked. Key and value stand in a memory slot as a sum, so an average over four slots does not say which value was whose.

Not every task with two things to read needs two heads. "Write the symbols before and after" is solved by one, which reads both places
with unequal weights; and where attention follows attention, one layer can mark what the next one collects. So here the layer stands
alone, and the width of a head, d_k = D / h, pays for each head more: the best number lies between too few and too narrow.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import altair as alt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gyebo.claims.drawing import mean_lines, share
from gyebo.claims.interface import Claim, Clock, Effect, Measurement
from gyebo.claims.training import seeded
from gyebo.genealogy import parameter_counts
from gyebo.models.attention.transformer import AddNorm, DecoderLayer, TransformerConfig
from gyebo.training.config import OptimizerConfig
from gyebo.training.optimizers import build_optimizer
from gyebo.views.figure import Figure, figure_of

KEYS, VALUES = 16, 8
ASKED = 4
WIDTH = 64  # D
HEADS = (1, 2, 4, 8, 16, 32)
BATCH, UPDATES, TEST = 128, 400, 2000
OPTIMIZER = OptimizerConfig(rate=2e-3, clip=1.0)


class Lookups(NamedTuple):
    keys: Tensor
    """(B, KEYS), each key once, in any order"""
    values: Tensor
    """(B, KEYS), that of each key"""
    asked: Tensor
    """(B, ASKED), different keys"""
    answers: Tensor
    """(B, ASKED), their values"""


def draw_lookups(count: int, generator: torch.Generator) -> Lookups:
    keys = torch.rand(count, KEYS, generator=generator).argsort(-1)
    values = torch.randint(VALUES, (count, KEYS), generator=generator)
    places = torch.rand(count, KEYS, generator=generator).argsort(-1)[:, :ASKED]
    return Lookups(keys, values, keys.gather(1, places), values.gather(1, places))


class Reader(nn.Module):
    """One decoder layer of the Transformer over a memory of keys with values; all the rest is linear."""

    def __init__(self, num_heads: int) -> None:
        super().__init__()
        config = TransformerConfig(
            source_vocabulary=KEYS,
            target_vocabulary=VALUES,
            width=WIDTH,
            num_heads=num_heads,
            num_layers=1,
            feed_forward_width=2 * WIDTH,
            dropout=0.0,
        )
        self.key, self.value = nn.Embedding(KEYS, WIDTH), nn.Embedding(VALUES, WIDTH)
        self.question = nn.Embedding(ASKED * KEYS, WIDTH)  # a key asked for first has another vector than one asked for second
        self.layer = DecoderLayer(config, AddNorm, None)
        self.answer = nn.Linear(WIDTH, ASKED * VALUES)

    def forward(self, keys: Tensor, values: Tensor, asked: Tensor) -> Tensor:
        """(B, KEYS), (B, KEYS), (B, ASKED) -> logits (B, ASKED, VALUES)."""
        memory = (self.key(keys) + self.value(values)) / 2**0.5  # (B, KEYS, D), unit variance
        questions = self.question(asked + KEYS * torch.arange(ASKED))  # (B, ASKED, D)
        query = questions.sum(1, keepdim=True) / ASKED**0.5  # (B, 1, D)
        everywhere = torch.ones(1, 1, 1, KEYS, dtype=torch.bool)
        return self.answer(self.layer(query, memory, everywhere).squeeze(1)).unflatten(-1, (ASKED, VALUES))


def learn(model: Reader, seed: int, updates: int, clock: Clock) -> None:
    """Train on lookups that are drawn anew for each update."""
    generator = torch.Generator().manual_seed(seed)
    optimizer = build_optimizer(model.parameters(), OPTIMIZER)
    for _ in range(updates):
        clock()
        keys, values, asked, answers = draw_lookups(BATCH, generator)
        loss = F.cross_entropy(model(keys, values, asked).flatten(0, 1), answers.flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), OPTIMIZER.clip)
        optimizer.step()


def measure(seed: int, clock: Clock, updates: int = UPDATES) -> Measurement:
    test = draw_lookups(TEST, torch.Generator().manual_seed(seed + 2**32))  # never a seed of training
    table, accuracy = [], {}
    for num_heads in HEADS:
        clock.say(f"{num_heads} heads of width {WIDTH // num_heads}: {updates} updates")
        with seeded(seed):
            model = Reader(num_heads)
        learn(model, seed, updates, clock)
        with torch.inference_mode():
            right = model(test.keys, test.values, test.asked).argmax(-1) == test.answers
        accuracy[num_heads] = float(right.double().mean())
        table.append(
            {
                "heads": num_heads,
                "head width": WIDTH // num_heads,
                "parameters": parameter_counts(model)[1],
                "answer accuracy": accuracy[num_heads],
                "all right": float(right.all(1).double().mean()),
            }
        )
    return Measurement(
        effects={
            "gain_over_one": accuracy[ASKED] - accuracy[HEADS[0]],
            "gain_over_many": accuracy[ASKED] - accuracy[HEADS[-1]],
        },
        table=table,
    )


def draw(rows: list[dict[str, Any]]) -> Figure:
    chart = mean_lines(
        [{**row, "layer": "one layer, D = 64"} for row in rows],
        alt.X("heads:O", title="heads, of width 64 / h each", axis=alt.Axis(labelAngle=0, grid=False)),
        share("answer accuracy"),
        "layer",
        ["one layer, D = 64"],
    )
    caption = (
        f"Share of right answers after {UPDATES} updates where {ASKED} of {KEYS} keys are looked up at once, by the number of heads; the"
        f" parameters are the same. Guessing is right on 1 in {VALUES}. The line goes through the means of the seeds."
    )
    return figure_of("transformer-heads", "Four lookups at once, by the number of heads", caption, {"rows": rows}, chart)


CLAIM = Claim(
    name="transformer-heads",
    parent="transformer",
    child="transformer",
    statement="One head averages what it reads; several heads with the same parameters attend to several things at once, until they are"
    " too narrow.",
    korean="헤드가 하나면 읽은 것을 평균한다. 같은 매개변수라도 헤드가 여럿이면 너무 좁아지기 전까지 여러 곳을 한꺼번에 본다.",
    source="Vaswani et al. 2017 (1706.03762), section 3.2.2; table 3, rows (A): 24.9 BLEU with 1 head, 25.8 with 8 and 16, 25.4 with 32",
    question="One decoder layer of width 64 looks up 4 of 16 keys at once in a memory where key and value are added, after 400 updates"
    " with 1, 2, 4, 8, 16 or 32 heads and the same 57 thousand parameters. Are four heads, one for each key, better than one, and than 32?",
    outcomes={
        "holds": "Accuracy rises from one head to four, and falls again towards 32 heads of width 2.",
        "does not hold": "One head does as well as four, or 32 narrow heads do.",
        "undecided": "The order of one, four and 32 heads changes with the seed.",
    },
    effects=(
        Effect(
            name="gain_over_one",
            meaning="share of right answers with 4 heads minus that with 1",
            at_least=0.1,
            why="The paper's 0.9 BLEU is small because depth makes up for heads. In a single layer that is asked for four things, less"
            " than ten points would say that heads are not what finds them; chance moves 8,000 answers by half a point.",
        ),
        Effect(
            name="gain_over_many",
            meaning="share of right answers with 4 heads minus that with 32",
            at_least=0.05,
            why="In the paper too many heads cost less than too few: half of the margin above.",
        ),
    ),
    seeds=(1, 2, 3),
    minutes=5,
    measure=measure,
    draw=draw,
)
