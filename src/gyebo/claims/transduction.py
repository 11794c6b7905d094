"""A network that answers every symbol as it reads it, beside an encoder and a decoder: the experiment of two edges.

Two tasks on random strings. In step: every symbol has one answer, which depends on it and on the one before. Of its own length:
every second kind of symbol is left out, so the k-th answer stands at no fixed place of the source, and often behind the k-th.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
from torch import Tensor, nn
from torch.nn import functional as F

from gyebo.claims.drawing import mean_points, share
from gyebo.claims.interface import Clock, Measurement
from gyebo.claims.synthetic import String, generator, random_strings, string_pairs
from gyebo.claims.training import Budget, Training, seeded, train, writing
from gyebo.genealogy import architecture, parameter_counts
from gyebo.models.interfaces import FIRST_TOKEN
from gyebo.views.figure import Figure, figure_of

SYMBOLS, SHORTEST, LONGEST = 8, 3, 8
TRAINING = Training(rate=3e-3, tokens=1000)
BUDGET = Budget(updates=1000, training_pairs=20_000, test_pairs=1000)


class InStep(nn.Module):
    """A language model's network read as what it is: one answer for each symbol that it reads, and none beyond."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def features(self, source: Tensor, source_lengths: Tensor, target: Tensor) -> Tensor:
        """(B, S), (B,), (B, T) -> (B, T, D): the states at the source's symbols; zeros, one guess for all, where the target is longer."""
        states = self.network.features(source, source_lengths)
        return F.pad(states, (0, 0, 0, max(0, target.shape[1] - source.shape[1])))[:, : target.shape[1]]

    def logits(self, features: Tensor) -> Tensor:
        return self.network.logits(features)


def in_step(string: String) -> String:
    """The sum of each symbol and the one before, around the circle of symbols.

    >>> in_step([4, 5, 11])
    [4, 5, 4]
    """
    return [
        FIRST_TOKEN + (now + before - 2 * FIRST_TOKEN) % SYMBOLS
        for before, now in zip([FIRST_TOKEN, *string], string, strict=False)
    ]


def of_its_own_length(string: String) -> String:
    """Every second kind of symbol is left out.

    >>> of_its_own_length([4, 5, 7, 6])
    [4, 6]
    """
    return [symbol for symbol in string if (symbol - FIRST_TOKEN) % 2 == 0]


TASKS = {"in step": in_step, "of its own length": of_its_own_length}


def measure_edge(
    seed: int,
    clock: Clock,
    budget: Budget,
    parent: str,
    parent_sizes: Mapping[str, int],
    child: str,
    child_sizes: Mapping[str, int],
) -> Measurement:
    """Both networks on both tasks, trained alike; the share of strings without a wrong symbol."""
    vocabulary = FIRST_TOKEN + SYMBOLS
    table, exact = [], {}
    for task, write in TASKS.items():
        training, test = (
            string_pairs(random_strings(generator(seed, f"{purpose}, {task}"), count, SYMBOLS, SHORTEST, LONGEST), write)
            for purpose, count in (("train", budget.training_pairs), ("test", budget.test_pairs))
        )
        for name, sizes in ((parent, parent_sizes), (child, child_sizes)):
            clock.say(f"{name}, {task}: {budget.updates} updates")
            entry = architecture(name)
            with seeded(seed):
                if name == parent:
                    model: nn.Module = InStep(entry.model(entry.config(vocabulary=vocabulary, **sizes)))
                else:
                    model = entry.model(entry.config(source_vocabulary=vocabulary, target_vocabulary=vocabulary, **sizes))
                train(model, training, budget.updates, TRAINING, seed, clock)
            written = writing(model, test, clock)
            exact[task, name] = written.exact
            table.append(
                {
                    "task": task,
                    "model": name,
                    "parameters": parameter_counts(model)[1],
                    "updates": budget.updates,
                    "exact match": written.exact,
                    "token accuracy": written.accuracy,
                }
            )
    return Measurement(
        effects={
            "in_step": exact["in step", parent],
            "length_of_its_own": exact["of its own length", child] - exact["of its own length", parent],
        },
        table=table,
    )


def draw_edge(name: str, rows: list[dict[str, Any]], parent: str, child: str) -> Figure:
    """Exact match by task, a dot a network."""
    chart = mean_points(
        rows,
        alt.X("task:N", title=None, sort=list(TASKS), axis=alt.Axis(labelAngle=0)),
        share("exact match"),
        "model",
        [parent, child],
    )
    caption = (
        f"Share of random strings of {SHORTEST} to {LONGEST} symbols that are answered without a wrong symbol. In step: every symbol has"
        " one answer. Of its own length: every second kind of symbol is left out."
    )
    return figure_of(name, "Strings answered rightly, by task", caption, {"rows": rows}, chart)
