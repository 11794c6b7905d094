"""luong-transformer: attention alone needs no state that is carried from token to token, so whole sentences are computed at once.

The claim has two halves. Learning: to the same accuracy in fewer updates and less time. Throughput: a long sequence costs a recurrent
network as many steps one after the other as it has tokens, the Transformer always as many as it has sublayers. On a GPU these steps are
what time is made of; on one core of a CPU they are not, for there the number of products counts, and attention has the more of them.

Luong's translator runs with and without input feeding: with it no two words of a target can be computed at once, without it the LSTMs
run ahead of the attention. The better one of the two is what the Transformer is compared with, in each measure by itself.
"""

from __future__ import annotations

import math
import statistics
import time
from typing import Any

import altair as alt
import numpy as np
from torch import nn

from gyebo.claims.drawing import faceted, mean_lines, seed_lines, share
from gyebo.claims.interface import Claim, Clock, Effect, Measurement
from gyebo.claims.synthetic import generator, random_strings, string_pairs
from gyebo.claims.training import Budget, Training, learning_curve, seeded
from gyebo.genealogy import architecture, parameter_counts
from gyebo.models.interfaces import FIRST_TOKEN
from gyebo.tasks.next_token import summed_loss
from gyebo.tasks.translate import TranslationPairs
from gyebo.views.figure import Figure, figure_of

SYMBOLS, SHORTEST, LONGEST = 20, 4, 12
ENOUGH = 0.95
EVERY = 10
BUDGET = Budget(updates=400, training_pairs=8000, test_pairs=300)
TIMED_LENGTHS = (16, 64, 256)
TIMED_TOKENS, ROUNDS = 1024, 3

MODELS: dict[str, tuple[str, dict[str, Any], Training]] = {
    "luong, input feeding": ("luong", {"embedding_width": 32, "width": 72, "num_layers": 1}, Training(rate=3e-3, tokens=800)),
    "luong, no feeding": (
        "luong",
        {"embedding_width": 32, "width": 81, "num_layers": 1, "input_feeding": False},
        Training(rate=3e-3, tokens=800),
    ),
    "transformer": (
        "transformer",
        {"width": 64, "num_heads": 4, "num_layers": 1, "feed_forward_width": 192, "dropout": 0.0},
        Training(rate=2e-3, tokens=800, warmup=50),
    ),
}
"""about 100 thousand parameters each, and for each kind a learning rate that suits it"""


def sequential_steps(name: str, length: int) -> int:
    """Layers that have to wait for another one, in training, for a source and a target of this length.

    >>> sequential_steps("luong, no feeding", 64), sequential_steps("transformer", 64)
    (129, 5)
    """
    if name == "transformer":
        return 2 + 3  # the sublayers of one encoder layer and of one decoder layer
    reading, writing = length, length
    return reading + (
        2 * writing if name == "luong, input feeding" else writing + 1
    )  # with feeding each word waits for its attention


def tokens_per_second(model: nn.Module, length: int, draw: np.random.Generator, clock: Clock) -> float:
    """Target tokens in a second of the processor, forwards and backwards: the median of a few batches of equal token count."""
    pairs = copies(draw, TIMED_TOKENS // length, length, length)
    rows = np.arange(len(pairs))
    seconds = []
    for round_number in range(ROUNDS + 1):
        clock()
        begun = time.process_time()
        summed_loss(model, pairs, rows, "cpu").backward()
        model.zero_grad()
        if round_number:  # the first one warms up
            seconds.append(time.process_time() - begun)
    return pairs.num_tokens(rows) / statistics.median(seconds)


def copies(draw: np.random.Generator, count: int, shortest: int, longest: int) -> TranslationPairs:
    """Random strings, to be written as they are: as in most translation, the order is kept."""
    return string_pairs(random_strings(draw, count, SYMBOLS, shortest, longest), list)


def measure(seed: int, clock: Clock, budget: Budget = BUDGET) -> Measurement:
    training = copies(generator(seed, "train"), budget.training_pairs, SHORTEST, LONGEST)
    test = copies(generator(seed, "test"), budget.test_pairs, SHORTEST, LONGEST)
    table: list[dict[str, Any]] = []
    needed, speed = {}, {}
    for name, (kind, sizes, settings) in MODELS.items():
        entry = architecture(kind)
        vocabulary = FIRST_TOKEN + SYMBOLS
        with seeded(seed):
            model = entry.model(entry.config(source_vocabulary=vocabulary, target_vocabulary=vocabulary, **sizes))
            for length in TIMED_LENGTHS:
                clock.say(f"{name}: speed at {length} tokens")
                speed[name, length] = tokens_per_second(model, length, generator(seed, "speed"), clock)
                table.append(
                    {
                        "part": "speed",
                        "model": name,
                        "parameters": parameter_counts(model)[1],
                        "length": length,
                        "tokens/s": speed[name, length],
                        "sequential steps": sequential_steps(name, length),
                    }
                )
            clock.say(f"{name}: at most {budget.updates} updates")
            points = learning_curve(
                model,
                training,
                test,
                settings,
                seed,
                clock,
                updates=budget.updates,
                every=min(EVERY, budget.updates),
                enough=ENOUGH,
            )
        needed[name] = points[-1]
        table += [
            {
                "part": "quality",
                "model": name,
                "updates": point.updates,
                "seconds": point.seconds,
                "token accuracy": point.accuracy,
            }
            for point in points
        ]
    recurrent = [name for name in MODELS if name != "transformer"]
    longest = TIMED_LENGTHS[-1]
    own = needed["transformer"]
    return Measurement(
        effects={
            "updates_saved": math.log2(min(needed[name].updates for name in recurrent) / own.updates),
            "time_saved": math.log2(min(needed[name].seconds for name in recurrent) / own.seconds),
            "speed_gained": math.log2(speed["transformer", longest] / max(speed[name, longest] for name in recurrent)),
        },
        table=table,
    )


def draw(rows: list[dict[str, Any]]) -> Figure:
    names = list(MODELS)
    quality = seed_lines(
        [row for row in rows if row["part"] == "quality"],
        alt.X("updates:Q", axis=alt.Axis(grid=False, tickCount=6)),
        share("token accuracy"),
        "model",
        names,
    )
    speed = mean_lines(
        [row for row in rows if row["part"] == "speed"],
        alt.X("length:O", title="tokens in a sentence", axis=alt.Axis(labelAngle=0, grid=False)),
        alt.Y(
            "tokens/s:Q",
            title="target tokens a second",
            scale=alt.Scale(zero=True),
            axis=alt.Axis(tickCount=5, domain=False, ticks=False),
        ),
        "model",
        names,
    )
    caption = (
        f"Left: token accuracy by updates when strings are copied, each model until it reaches {ENOUGH:.0%}. Right: target tokens a second"
        f" of one core, forwards and backwards, in batches of {TIMED_TOKENS:,} tokens. A line on the left is a seed, on the right the mean."
    )
    return figure_of(
        "luong-transformer", "Luong's translator and the Transformer", caption, {"rows": rows}, faceted([quality, speed])
    )


CLAIM = Claim(
    name="luong-transformer",
    parent="luong",
    child="transformer",
    statement="A recurrent network reads and writes one token after the other; attention alone computes all of them at once, learns in"
    " less time and is faster the longer the sequence.",
    korean="순환 신경망은 토큰을 하나씩 차례로 읽고 쓴다."
    " 어텐션만 쓰면 모두 한 번에 계산하므로 더 짧은 시간에 배우고, 문장이 길수록 더 빠르다.",
    source="Vaswani et al. 2017 (1706.03762), section 4 and table 1, section 6.1 and table 2",
    question="Strings of 4 to 12 symbols out of 20 are copied by Luong's translator, with and without input feeding, and by a Transformer"
    " of one layer, all with about 100 thousand parameters, until 95 % of the tokens are right, for at most 400 updates. Which needs fewer"
    " updates and less time on one core? And which trains on more tokens a second in sentences of 256?",
    outcomes={
        "holds": "The Transformer is there first, in updates and in time, and trains on long sentences faster than either Luong.",
        "does not hold": "A Luong is there first, or one core runs through it faster: sequential steps cost little on a CPU.",
        "undecided": "Who is first changes with the seed.",
    },
    effects=(
        Effect(
            name="updates_saved",
            meaning="log2 of the updates to 95 % of the faster Luong, divided by those of the Transformer: 1 is half as many",
            at_least=0.0,
            why="Who learns as fast is at 0: less would be a loss. Updates are counted in tens, of one to two hundred.",
        ),
        Effect(
            name="time_saved",
            meaning="log2 of the processor time to 95 % of the faster Luong, divided by that of the Transformer",
            at_least=0.0,
            why="Less than 0 would be a loss. Processor time on a busy machine moves by some ten per cent, log2 by 0.15.",
        ),
        Effect(
            name="speed_gained",
            meaning="log2 of the tokens a second at 256 tokens of the Transformer, divided by those of the faster Luong",
            at_least=0.0,
            why="Less than 0 would be a loss, and that at a length at which a Luong has 103 times as many sequential steps.",
        ),
    ),
    seeds=(1, 2, 3),
    minutes=6,
    measure=measure,
    draw=draw,
)
