"""Shapes, finite numbers, gradients, precision, randomness, and inputs left alone."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import torch
from torch import Tensor

from gyebo.models.interfaces import END, FIRST_TOKEN, UNKNOWN
from gyebo.verification.comparison import assert_near, assert_same_bits, gradients
from gyebo.verification.subject import Inputs, Subject

__all__ = [
    "bfloat16_is_near_float32",
    "dropout_works_in_training_only",
    "evaluation_is_deterministic",
    "forward_is_logits_of_features",
    "gradient_reaches_every_parameter",
    "inputs_are_left_alone",
    "numbers_are_finite",
    "one_batch_can_be_learned",
    "shapes_follow_the_inputs",
]

BATCH_LENGTHS = ((1,), (7,), (3, 1), (5, 5), (9, 3, 7, 5, 1))
"""rows of 1, 2 and 5, of odd and of equal lengths"""


def shapes_follow_the_inputs(subject: Subject) -> None:
    """Logits are (B, T, V) for batches of 1, 2 and 5 and odd lengths."""
    model = subject.build()
    for lengths in BATCH_LENGTHS:
        logits = model(*subject.arguments(subject.inputs(lengths)))
        expected = (len(lengths), max(lengths), subject.vocabulary)
        assert logits.shape == expected, f"lengths {lengths}: the logits are {tuple(logits.shape)}, expected {expected}"


def numbers_are_finite(subject: Subject) -> None:
    """Logits and gradients are finite for the shortest rows, one repeated token, unknown tokens only, and long rows."""
    model = subject.build()
    cases = {
        "the shortest row": subject.constant_inputs(END, 1),
        "one repeated token": subject.constant_inputs(FIRST_TOKEN, 7),
        "unknown tokens only": subject.constant_inputs(UNKNOWN, 7),
        "a long row": subject.inputs([101]),
    }
    for case, inputs in cases.items():
        assert model(*subject.arguments(inputs)).isfinite().all(), f"{case}: a logit is not finite"
        for name, gradient in gradients(subject, model, inputs).items():
            assert gradient.isfinite().all(), f"{case}: the gradient of {name} is not finite"


def gradient_reaches_every_parameter(subject: Subject) -> None:
    """The loss has a non-zero gradient by every parameter."""
    found = gradients(subject, subject.build(), subject.inputs([5, 3, 7]))
    unreached = [name for name, gradient in found.items() if not gradient.any()]
    assert not unreached, f"no gradient reaches {', '.join(unreached)}"


def forward_is_logits_of_features(subject: Subject) -> None:
    """forward(...) equals logits(features(...)), of which the loss computes only what it needs."""
    model = subject.build()
    arguments = subject.arguments(subject.inputs([5, 3]))
    with torch.no_grad():
        actual = {"logits": model.logits(model.features(*arguments))}  # type: ignore[operator]
        assert_same_bits(actual, {"logits": model(*arguments)}, "logits of features beside forward")


def bfloat16_is_near_float32(subject: Subject) -> None:
    """Under bf16 autocast, logits stay near those of float32, and gradients are finite."""
    model, inputs = subject.build(), subject.inputs([5, 3, 7])
    expected = model(*subject.arguments(inputs)).detach()
    with torch.autocast("cpu", torch.bfloat16):
        actual = model(*subject.arguments(inputs))
        found = gradients(subject, model, inputs)
    # bf16 keeps 8 bits: a rounding is 2^-8 of a value, and a handful of them follow each other.
    tolerance = 8 * 2**-8 * max(1.0, float(expected.abs().max()))
    assert_near(actual.float(), expected, tolerance, "logits under autocast")
    for name, gradient in found.items():
        assert gradient.isfinite().all(), f"the gradient of {name} is not finite"


def one_batch_can_be_learned(subject: Subject) -> None:
    """300 steps of Adam on one batch bring its loss within a tenth of a nat of the least that there can be.

    At a rate of 0.03, or of 0.003: what has a gate or a recurrence likes the first, deep attention the second.
    """
    inputs = subject.inputs([5, 3, 7])
    least = _least_loss(inputs)
    reached = {}
    for rate in (0.03, 0.003):
        model = subject.build().train()
        optimizer = torch.optim.Adam(model.parameters(), lr=rate)
        loss = subject.loss(model, inputs)
        for _ in range(300):
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss = subject.loss(model, inputs)
            if loss < least + 0.1:
                return
        reached[rate] = loss.item()
    told = ", ".join(f"{loss:.2f} nats at a rate of {rate:g}" for rate, loss in reached.items())
    raise AssertionError(f"after 300 steps the loss is still {told}, and {least:.2f} can be reached")


def _least_loss(inputs: Inputs) -> float:
    """The loss of a model that knows the batch by heart: where rows begin alike, it cannot know which one goes on."""
    *others, causal = inputs
    seen: defaultdict[tuple[Any, ...], Counter[int]] = defaultdict(Counter)
    for row, following in enumerate(causal.following().tolist()):
        read = tuple(tuple(tokens.numbers[row].tolist()) for tokens in others)
        for position in range(int(causal.lengths[row])):
            past = tuple(causal.numbers[row, : position + 1].tolist())
            seen[read, past][following[position]] += 1
    surprise = sum(count * -math.log(count / nexts.total()) for nexts in seen.values() for count in nexts.values())
    return surprise / int(causal.real.sum())


def inputs_are_left_alone(subject: Subject) -> None:
    """Neither a pass with its gradient nor decoding writes into the inputs, the memory or an earlier state."""
    model, inputs = subject.build(), subject.inputs([5, 3])
    arguments = subject.arguments(inputs)
    watched = _Watch([*arguments, *(tokens.numbers for tokens in inputs)], "an input")
    model(*arguments).sum().backward()
    with torch.no_grad():
        memory, state = subject.begin(model, inputs)
        tensors = [part for part in (*memory.values(), *state.values()) if isinstance(part, Tensor)]
        kept = _Watch(tensors, "the memory or a state")
        first, _ = subject.step(model, inputs[-1].numbers[:, 0], state, memory)
        subject.step(model, inputs[-1].numbers[:, 1], state, memory)
        again, _ = subject.step(model, inputs[-1].numbers[:, 0], state, memory)
    watched.check()
    kept.check()
    assert_same_bits({"logits": again}, {"logits": first}, "the same step from the same state")


class _Watch:
    """Tensors, and what was in them."""

    def __init__(self, tensors: Sequence[Tensor], what: str) -> None:
        self.tensors, self.what = tensors, what
        self.copies = [tensor.clone() for tensor in tensors]

    def check(self) -> None:
        for tensor, copy in zip(self.tensors, self.copies, strict=True):
            assert torch.equal(tensor, copy), f"{self.what}, of shape {tuple(copy.shape)}, was written into"


def evaluation_is_deterministic(subject: Subject) -> None:
    """In evaluation mode the same inputs give the same bits, whatever was computed in between."""
    model, inputs = subject.build(), subject.inputs([5, 3])
    with torch.no_grad():
        first = model(*subject.arguments(inputs))
        model(*subject.arguments(subject.inputs([3, 7, 1], seed=1)))
        again = model(*subject.arguments(inputs))
    assert_same_bits({"logits": again}, {"logits": first}, "the same inputs again")


def dropout_works_in_training_only(subject: Subject) -> None:
    """Dropout changes the logits in training and none of them in evaluation; without it, training is deterministic."""
    inputs = subject.inputs([5, 3])

    def two_passes(*, dropout: float, training: bool) -> tuple[Tensor, Tensor]:
        config = replace(subject.config, dropout=dropout) if has_dropout else subject.config
        model = subject.build(config=config).train(training)
        with torch.no_grad():
            return model(*subject.arguments(inputs)), model(*subject.arguments(inputs))

    has_dropout = "dropout" in {option.name for option in fields(subject.entry.config)}
    plain, again = two_passes(dropout=0.0, training=True)
    assert torch.equal(plain, again), "without dropout, two passes in training mode differ"
    if has_dropout:
        quiet, again = two_passes(dropout=0.5, training=False)
        assert torch.equal(quiet, again), "with dropout, two passes in evaluation mode differ"
        assert torch.equal(quiet, plain), "with dropout, evaluation mode does not give the logits of a model without it"
        noisy, other = two_passes(dropout=0.5, training=True)
        assert not torch.equal(noisy, other), "with dropout, two passes in training mode are equal"
