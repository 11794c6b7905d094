"""What a token's prediction may depend on: its real tokens and the past; and what decoding carries along."""

from __future__ import annotations

import torch
from torch import Tensor

from gyebo.decoding.rows import select_rows
from gyebo.verification.comparison import Watch, assert_near, assert_same_bits, gradients
from gyebo.verification.properties.rows import TOLERANCE
from gyebo.verification.tokens import TokenSubject

__all__ = [
    "decoding_equals_the_full_pass",
    "future_is_not_seen",
    "longer_padding_changes_nothing",
    "padded_places_are_not_read",
    "states_are_left_alone",
    "states_can_be_selected_by_row",
]

LENGTHS = (5, 1, 7, 3)


def longer_padding_changes_nothing(subject: TokenSubject) -> None:
    """More padding behind every row changes neither logits nor gradients (float64, within 1e-12)."""
    model, inputs = subject.build(dtype=torch.float64), subject.inputs(LENGTHS)
    real = inputs[-1].real
    expected = model(*subject.arguments(inputs))[real]
    expected_gradients = gradients(subject, model, inputs)
    for index in range(len(inputs)):
        longer = tuple(tokens.padded(4) if place == index else tokens for place, tokens in enumerate(inputs))
        logits = model(*subject.arguments(longer))[longer[-1].real]
        assert_near(logits, expected, TOLERANCE, f"input {index} with more padding")
        for name, gradient in gradients(subject, model, longer).items():
            assert_near(gradient, expected_gradients[name], TOLERANCE, f"input {index} with more padding, gradient of {name}")


def padded_places_are_not_read(subject: TokenSubject) -> None:
    """Other tokens at padded places change no real logit and no gradient, bit for bit."""
    model, inputs = subject.build(), subject.inputs(LENGTHS)
    poisoned = tuple(tokens.replaced(~tokens.real) for tokens in inputs)
    real = inputs[-1].real
    expected = {"a logit": model(*subject.arguments(inputs))[real]} | gradients(subject, model, inputs)
    actual = {"a logit": model(*subject.arguments(poisoned))[real]} | gradients(subject, model, poisoned)
    assert_same_bits(actual, expected, "other tokens at padded places")


def future_is_not_seen(subject: TokenSubject) -> None:
    """Other tokens after a position change no logit up to it, bit for bit."""
    model, inputs = subject.build(), subject.inputs([7, 7])
    *others, causal = inputs
    with torch.no_grad():
        expected = model(*subject.arguments(inputs))
        for position in range(causal.numbers.shape[1] - 1):
            later = torch.arange(causal.numbers.shape[1]) > position
            changed = (*others, causal.replaced(later.expand_as(causal.numbers)))
            logits = model(*subject.arguments(changed))
            assert_same_bits(
                {"a logit": logits[:, : position + 1]},
                {"a logit": expected[:, : position + 1]},
                f"other tokens after position {position}",
            )


def decoding_equals_the_full_pass(subject: TokenSubject) -> None:
    """Step by step, the logits are those of the full pass (float64, within 1e-12)."""
    model, inputs = subject.build(dtype=torch.float64), subject.inputs(LENGTHS)
    real = inputs[-1].real
    with torch.no_grad():
        expected = model(*subject.arguments(inputs))[real]
        assert_near(subject.decode(model, inputs)["logits"][real], expected, TOLERANCE, "logits of the steps")


def states_can_be_selected_by_row(subject: TokenSubject) -> None:
    """Memory and state have the batch in front: selected, repeated and reordered rows go on as the rows they came from."""
    model, inputs = subject.build(dtype=torch.float64), subject.inputs(LENGTHS)
    selection = [2, 0, 2, 1, 3]
    with torch.no_grad():
        memory, state = subject.begin(model, inputs)
        for part in (memory, state):
            for name, each in part.items():
                assert len(each) == len(LENGTHS), f"{name} has {len(each)} rows, and not the {len(LENGTHS)} of the batch"
        first, second = inputs[-1].numbers[:, 0], inputs[-1].replaced(torch.ones_like(inputs[-1].real)).numbers[:, 0]
        _, state = subject.step(model, first, state, memory)
        expected, _ = subject.step(model, second, state, memory)
        rows = torch.tensor(selection)
        selected, _ = subject.step(model, second[rows], select_rows(state, rows), select_rows(memory, rows))
    assert_near(selected, expected[selection], TOLERANCE, "selected rows")


def states_are_left_alone(subject: TokenSubject) -> None:
    """Decoding writes neither into the memory nor into an earlier state: the same step can be taken again."""
    model, inputs = subject.build(), subject.inputs([5, 3])
    with torch.no_grad():
        given = Watch(subject.tensors(inputs), "an input")
        memory, state = subject.begin(model, inputs)
        tensors = [part for part in (*memory.values(), *state.values()) if isinstance(part, Tensor)]
        kept = Watch(tensors, "the memory or a state")
        first, _ = subject.step(model, inputs[-1].numbers[:, 0], state, memory)
        subject.step(model, inputs[-1].numbers[:, 1], state, memory)
        again, _ = subject.step(model, inputs[-1].numbers[:, 0], state, memory)
    given.check()
    kept.check()
    assert_same_bits({"logits": again}, {"logits": first}, "the same step from the same state")
