"""One comparison of a model with an independent reference: outputs and all gradients, in float32 and float64.

A `ParityCase` is for models of tokens: its reference computes one sentence, and the steps of decoding are compared too. An
`ImageParityCase` is for models of images; `parity/images.py` has what helps to write one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

from gyebo.genealogy import Architecture
from gyebo.models.interfaces import OwnLoss
from gyebo.verification.comparison import gradients, largest_difference, scaled_difference
from gyebo.verification.images import ImageSubject
from gyebo.verification.properties.graphs import MissingPackageError
from gyebo.verification.record import Record
from gyebo.verification.subject import subject_of
from gyebo.verification.tokens import Inputs, TokenSubject

__all__ = ["TOLERANCES", "Case", "ImageParityCase", "ParityCase", "compare"]

TOLERANCES = {"float32": 1e-5, "float64": 1e-10}
"""What a sum in another order may differ by: about a hundred roundings of numbers near 1, and no more; of larger ones, that share"""
DTYPES = {"float32": torch.float32, "float64": torch.float64}

LENGTHS = (5, 1, 7, 3)
IMAGES = 4

Weights: TypeAlias = Mapping[str, Tensor]
"""The model's parameters by their names, leaves of a graph; of a model of images its buffers too, such as running averages"""
Answer: TypeAlias = dict[str, Tensor]
"""For one sentence: "logits" (T, V) and, of a model that aligns, "alignment" (T, S). For images: "logits" (B, ...)"""


class Case(Protocol):
    """An architecture, and a reference that computes its outputs from its weights."""

    @property
    def architecture(self) -> str: ...

    @property
    def reference(self) -> str: ...

    def differences(self, entry: Architecture, dtype: torch.dtype) -> tuple[float, float]:
        """The largest differences of outputs and of gradients."""
        ...


@dataclass(frozen=True, kw_only=True)
class ParityCase:
    """A reference for a model of tokens: (weights, config, one example without padding) -> its answer."""

    architecture: str
    reference: str
    answer: Callable[[Weights, Any, tuple[list[int], ...]], Answer]

    def differences(self, entry: Architecture, dtype: torch.dtype) -> tuple[float, float]:
        """Of the full pass and the steps, and of the gradients of the mean cross-entropy."""
        subject: TokenSubject = subject_of(entry)
        model, inputs = subject.build(dtype=dtype), subject.inputs(LENGTHS)
        weights = {name: tensor.detach().clone().requires_grad_() for name, tensor in model.named_parameters()}
        answers = [self.answer(weights, subject.config, example) for example in _examples(inputs)]
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
        return outputs, _largest(gradients(subject, model, inputs), loss, weights)


@dataclass(frozen=True, kw_only=True)
class ImageParityCase:
    """A reference for a model of images: (weights, config, images (B, C, H, W)) -> {"logits": ...}.

    The weights are the model's parameters (leaves of a graph, so their gradients are compared) and its buffers, by name; those of
    batch norm have seen a batch, so that they are not the zeros and ones of a new model. Every parameter must take part.

    loss: for an architecture with a loss of its own, and only for one, the reference's (weights, config, images, labels (B,)) -> the
    sum over the images; without it, the gradients are those of the mean cross-entropy of the reference's logits.
    training: compare in training mode, without dropout. A reference must then normalise by the statistics of the batch.

    A case is written in literals, so that `gyebo show` reads it without running it:

        def _answer(weights, config, images):
            hidden = F.relu(images.flatten(1) @ weights["hidden.weight"].T + weights["hidden.bias"])
            return {"logits": hidden @ weights["output.weight"].T + weights["output.bias"]}

        CASES = (ImageParityCase(architecture="mlp", reference="matrix by matrix", answer=_answer),)

    Where another library has the architecture as a module, `gyebo.verification.parity.images.module_answer` makes the answer of a
    function that builds the module and of a map of names.
    """

    architecture: str
    reference: str
    answer: Callable[[Weights, Any, Tensor], Answer]
    loss: Callable[[Weights, Any, Tensor, Tensor], Tensor] | None = None
    training: bool = False

    def differences(self, entry: Architecture, dtype: torch.dtype) -> tuple[float, float]:
        """Of the logits, and of the gradients of what training minimises."""
        subject: ImageSubject = subject_of(entry)
        batch = subject.cast(subject.batch(IMAGES), dtype)
        model = subject.build(dtype=dtype, config=subject.with_dropout(0.0)).train()
        assert isinstance(model, OwnLoss) == (self.loss is not None), f"{entry.name}: a loss of its own needs one of the reference"
        with torch.no_grad():
            model(subject.cast(subject.batch(IMAGES, seed=1), dtype).pixels)  # moves running averages away from where they start
        model.train(self.training)
        weights = {name: tensor.detach().clone().requires_grad_() for name, tensor in model.named_parameters()}
        given = weights | {name: tensor.clone() for name, tensor in model.named_buffers()}
        expected = self.answer(given, subject.config, batch.pixels)["logits"]
        if self.loss is None:
            loss = F.cross_entropy(expected, batch.labels)
        else:
            loss = self.loss(given, subject.config, batch.pixels, batch.labels) / len(batch.labels)
        with torch.no_grad():
            outputs = scaled_difference(model(batch.pixels), expected)
        return outputs, _largest(gradients(subject, model, batch), loss, weights)


def compare(case: Case, entry: Architecture, precisions: Sequence[str] = tuple(TOLERANCES)) -> Record:
    """The largest differences of outputs and of all gradients, in these precisions.

    A reference whose package is not installed is skipped.
    """
    numbers: dict[str, float] = {}
    for precision in precisions:
        try:
            outputs, slopes = case.differences(entry, DTYPES[precision])
        except MissingPackageError as missing:
            return Record(entry.name, "parity", case.reference, "skipped", str(missing))
        numbers |= {f"outputs {precision}": outputs, f"gradients {precision}": slopes}
    wrong = {name: value for name, value in numbers.items() if not value <= TOLERANCES[name.split()[1]]}
    told = ", ".join(f"{name} {value:.1e}" for name, value in (wrong or numbers).items())
    outcome = "failed" if wrong else "passed"
    return Record(entry.name, "parity", case.reference, outcome, f"differs by {told}" if wrong else told, numbers)


def _largest(found: Mapping[str, Tensor], loss: Tensor, weights: Weights) -> float:
    """The largest difference of the model's gradients from those of the reference's loss, in which every weight takes part."""
    expected = torch.autograd.grad(loss, list(weights.values()))
    return max(scaled_difference(found[name], each) for name, each in zip(weights, expected, strict=True))


def _examples(inputs: Inputs) -> list[tuple[list[int], ...]]:
    """Row by row, the real token numbers of each input."""
    return [tuple(tokens.numbers[row][tokens.real[row]].tolist() for tokens in inputs) for row in range(len(inputs[0].numbers))]
