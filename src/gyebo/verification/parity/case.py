"""One comparison of a model with an independent reference: outputs, step interface and gradients, in float32 and float64."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

from gyebo.genealogy import Architecture
from gyebo.verification.comparison import gradients, largest_difference
from gyebo.verification.properties.graphs import MissingPackageError
from gyebo.verification.record import Record
from gyebo.verification.subject import Inputs, subject_of

__all__ = ["TOLERANCES", "ParityCase", "compare"]

TOLERANCES = {"float32": 1e-5, "float64": 1e-10}
"""What a sum in another order may differ by: about a hundred roundings of numbers near 1, and no more"""

LENGTHS = (5, 1, 7, 3)

Weights: TypeAlias = Mapping[str, Tensor]
Answer: TypeAlias = dict[str, Tensor]
"""For one example: "logits" (T, V) and, of a model that aligns, "alignment" (T, S)"""


@dataclass(frozen=True, kw_only=True)
class ParityCase:
    """An architecture, and a reference that computes one example from its weights."""

    architecture: str
    reference: str
    answer: Callable[[Weights, Any, tuple[list[int], ...]], Answer]


def compare(case: ParityCase, entry: Architecture) -> Record:
    """The largest differences of outputs (full pass and steps) and of all gradients, in both precisions.

    A reference whose package is not installed is skipped.
    """
    numbers: dict[str, float] = {}
    for dtype in (torch.float32, torch.float64):
        precision = str(dtype).removeprefix("torch.")
        try:
            numbers[f"outputs {precision}"], numbers[f"gradients {precision}"] = _differences(case, entry, dtype)
        except MissingPackageError as missing:
            return Record(entry.name, "parity", case.reference, "skipped", str(missing))
    wrong = {name: value for name, value in numbers.items() if not value <= TOLERANCES[name.split()[1]]}
    told = ", ".join(f"{name} {value:.1e}" for name, value in (wrong or numbers).items())
    outcome = "failed" if wrong else "passed"
    return Record(entry.name, "parity", case.reference, outcome, f"differs by {told}" if wrong else told, numbers)


def _differences(case: ParityCase, entry: Architecture, dtype: torch.dtype) -> tuple[float, float]:
    subject = subject_of(entry)
    model, inputs = subject.build(dtype=dtype), subject.inputs(LENGTHS)
    weights = {name: tensor.detach().clone().requires_grad_() for name, tensor in model.named_parameters()}
    answers = [case.answer(weights, subject.config, example) for example in _examples(inputs)]
    with torch.no_grad():
        whole, steps = model(*subject.arguments(inputs)), subject.decode(model, inputs)
    outputs = 0.0
    for row, answer in enumerate(answers):
        for name, expected in answer.items():
            for actual in [whole, steps["logits"]] if name == "logits" else [steps[name]]:
                rows, columns = expected.shape
                outputs = max(outputs, largest_difference(actual[row, :rows, :columns], expected))

    following = inputs[-1].following()[inputs[-1].real]
    loss = F.cross_entropy(torch.cat([answer["logits"] for answer in answers]), following)
    expected_gradients = torch.autograd.grad(loss, list(weights.values()))
    found = gradients(subject, model, inputs)
    return outputs, max(
        largest_difference(found[name], expected) for name, expected in zip(weights, expected_gradients, strict=True)
    )


def _examples(inputs: Inputs) -> list[tuple[list[int], ...]]:
    """Row by row, the real token numbers of each input."""
    return [tuple(tokens.numbers[row][tokens.real[row]].tolist() for tokens in inputs) for row in range(len(inputs[0].numbers))]
