"""Shapes, finite numbers, gradients, precision, randomness, and inputs left alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from gyebo.verification.comparison import Watch, assert_near, assert_same_bits, gradients
from gyebo.verification.interface import Subject

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


def shapes_follow_the_inputs(subject: Subject[Any]) -> None:
    """Logits have a row an input row, for batches of 1, 2 and 5, odd lengths and odd image sizes."""
    for shape in subject.shapes():
        logits = shape.model(*subject.arguments(shape.batch))
        assert logits.shape == shape.expected, f"{shape.what}: the logits are {tuple(logits.shape)}, expected {shape.expected}"


def numbers_are_finite(subject: Subject[Any]) -> None:
    """Logits and gradients are finite for extreme inputs: the shortest and long rows, zero, constant, large and tiny pixels."""
    model = subject.build()
    for case, batch in subject.extremes().items():
        assert model(*subject.arguments(batch)).isfinite().all(), f"{case}: a logit is not finite"
        for name, gradient in gradients(subject, model, batch).items():
            assert gradient.isfinite().all(), f"{case}: the gradient of {name} is not finite"


def gradient_reaches_every_parameter(subject: Subject[Any]) -> None:
    """The loss has a non-zero gradient by every parameter."""
    found = gradients(subject, subject.build(), subject.batch(3))
    unreached = [name for name, gradient in found.items() if not gradient.any()]
    assert not unreached, f"no gradient reaches {', '.join(unreached)}"


def forward_is_logits_of_features(subject: Subject[Any]) -> None:
    """forward(...) equals logits(features(...)), of which the loss computes only what it needs."""
    model: Any = subject.build()
    arguments = subject.arguments(subject.batch(2))
    with torch.no_grad():
        actual = {"logits": model.logits(model.features(*arguments))}
        assert_same_bits(actual, {"logits": model(*arguments)}, "logits of features beside forward")


def bfloat16_is_near_float32(subject: Subject[Any]) -> None:
    """Under bf16 autocast, logits stay near those of float32, and gradients are finite."""
    model, batch = subject.build(), subject.batch(3)
    expected = model(*subject.arguments(batch)).detach()
    with torch.autocast("cpu", torch.bfloat16):
        actual = model(*subject.arguments(batch))
        found = gradients(subject, model, batch)
    # bf16 keeps 8 bits: a rounding is 2^-8 of a value, and a handful of them follow each other.
    assert_near(actual.float(), expected, 8 * 2**-8, "logits under autocast")
    for name, gradient in found.items():
        assert gradient.isfinite().all(), f"the gradient of {name} is not finite"


def one_batch_can_be_learned(subject: Subject[Any]) -> None:
    """300 steps of Adam on one batch, and the model knows it by heart: a tenth of a nat above the least loss, or every label.

    At a rate of 0.03, or of 0.003: what has a gate or a recurrence likes the first, what is deep the second.
    """
    batch = subject.batch(3)
    trainings = {rate: _what_is_left(subject, batch, rate) for rate in (0.03, 0.003)}
    left = {}
    for _ in range(300):  # both in turns: for most models one is over long before the other
        for rate, training in trainings.items():
            if not (unknown := next(training)):
                return
            left[rate] = unknown
    told = "; ".join(f"at a rate of {rate:g}, {unknown}" for rate, unknown in left.items())
    raise AssertionError(f"after 300 steps, {told}")


def _what_is_left(subject: Subject[Any], batch: Any, rate: float) -> Iterator[str]:
    """Train without end, and say after each step what is still to be learned; nothing once the batch is known by heart."""
    model = subject.build(config=subject.with_dropout(0.0)).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    loss = subject.loss(model, batch)
    while True:
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss = subject.loss(model, batch)
        yield subject.still_to_learn(model, batch, loss)


def inputs_are_left_alone(subject: Subject[Any]) -> None:
    """A pass, the loss and its gradient write into nothing that they are given."""
    model, batch = subject.build(), subject.batch(2)
    given = Watch(subject.tensors(batch), "an input")
    model(*subject.arguments(batch)).sum().backward()
    subject.loss(model, batch).backward()
    given.check()


def evaluation_is_deterministic(subject: Subject[Any]) -> None:
    """In evaluation mode the same inputs give the same bits, whatever was computed in between."""
    model, batch = subject.build(), subject.batch(2)
    with torch.no_grad():
        first = model(*subject.arguments(batch))
        model(*subject.arguments(subject.batch(3, seed=1)))
        again = model(*subject.arguments(batch))
    assert_same_bits({"logits": again}, {"logits": first}, "the same inputs again")


def dropout_works_in_training_only(subject: Subject[Any]) -> None:
    """Dropout changes the logits in training and none of them in evaluation; without it, training is deterministic.

    Batch norm stays in evaluation mode: what it does in training, it does without dropout too.
    """
    batch = subject.batch(2)

    def two_passes(*, dropout: float, training: bool) -> tuple[Tensor, Tensor]:
        model = subject.build(config=subject.with_dropout(dropout)).train(training)
        for module in model.modules():
            if isinstance(module, _BatchNorm):
                module.eval()
        with torch.no_grad():
            return model(*subject.arguments(batch)), model(*subject.arguments(batch))

    plain, again = two_passes(dropout=0.0, training=True)
    assert torch.equal(plain, again), "without dropout, two passes in training mode differ"
    if subject.has_dropout:
        quiet, again = two_passes(dropout=0.5, training=False)
        assert torch.equal(quiet, again), "with dropout, two passes in evaluation mode differ"
        assert torch.equal(quiet, plain), "with dropout, evaluation mode does not give the logits of a model without it"
        noisy, other = two_passes(dropout=0.5, training=True)
        assert not torch.equal(noisy, other), "with dropout, two passes in training mode are equal"
