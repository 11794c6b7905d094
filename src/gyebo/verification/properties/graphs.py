"""Compiled and exported models compute what the eager one does."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from gyebo.interop.onnx_check import check_graphs
from gyebo.interop.onnx_graphs import PACKAGES, quiet, translator_graphs
from gyebo.interop.onnx_translator import OnnxTranslator, open_session
from gyebo.layers.limits import position_limit
from gyebo.verification.comparison import assert_near, gradients
from gyebo.verification.subject import Inputs, Subject, TranslatorSubject

__all__ = [
    "MissingPackageError",
    "compiled_equals_eager",
    "exported_equals_eager",
    "onnx_equals_eager_at_other_sizes",
]

TRACED = (5, 3, 7)
OTHER_BATCH_SIZES = ((7,), (3, 7), (7, 1, 5, 3, 7))
OTHER_LENGTHS = ((3, 1), (9, 5, 11), (1,))
FLOAT64_TOLERANCE = 1e-12  # the same sums in another order, about 1e-15 at these sizes
FLOAT32_TOLERANCE = 1e-5  # the same, about 1e-7


class MissingPackageError(Exception):
    """A check needs a package that is not installed: it is skipped, and says so."""


def compiled_equals_eager(subject: Subject) -> None:
    """torch.compile gives the logits and gradients of eager mode (aot_eager, float64, within 1e-12)."""
    model, inputs = subject.build(dtype=torch.float64), subject.inputs(TRACED)
    torch.compiler.reset()
    with quiet():
        compiled: Any = torch.compile(model, backend="aot_eager")
        assert_near(compiled(*subject.arguments(inputs)), model(*subject.arguments(inputs)), FLOAT64_TOLERANCE, "logits")
        subject.loss(compiled, inputs).backward()
    for name, expected in gradients(subject, model, inputs).items():
        actual = model.get_parameter(name).grad
        assert actual is not None, f"compiled, no gradient reaches {name}"
        assert_near(actual, expected, FLOAT64_TOLERANCE, f"gradient of {name}")
    torch.compiler.reset()


def exported_equals_eager(subject: Subject) -> None:
    """torch.export gives the logits of eager mode (float64, within 1e-12), also at batch sizes not used for tracing."""
    model = subject.build(dtype=torch.float64)
    with quiet():
        exported: Any = torch.export.export(
            model, subject.arguments(subject.inputs(TRACED)), dynamic_shapes=_dynamic_shapes(subject, all_axes=False)
        ).module()
    with torch.no_grad():
        for lengths in (TRACED, *OTHER_BATCH_SIZES):
            arguments = subject.arguments(_padded_to_traced(subject, lengths))
            assert_near(exported(*arguments), model(*arguments), FLOAT64_TOLERANCE, f"lengths {lengths}")


def onnx_equals_eager_at_other_sizes(subject: Subject) -> None:
    """ONNX, run by onnxruntime, gives the logits of eager mode (float32, within 1e-5) at sizes not used for tracing.

    A translator is exported as it is used, its encoder and its step apart, and compared over several steps of a beam.
    """
    for package in PACKAGES:
        try:
            import_module(package)
        except ImportError as error:
            raise MissingPackageError(f"needs {package}") from error
    if isinstance(subject, TranslatorSubject):
        _check_encoder_and_step(subject)
    else:
        _check_whole_pass(subject)


def _check_encoder_and_step(subject: TranslatorSubject) -> None:
    model = subject.build()
    graphs = translator_graphs(model)
    exported = OnnxTranslator(open_session(graphs.encoder), open_session(graphs.step), position_limit(model))
    check_graphs(model, exported, (subject.config.source_vocabulary, subject.config.target_vocabulary))


def _check_whole_pass(subject: Subject) -> None:
    model = subject.build()
    with quiet():
        program = torch.onnx.export(
            model,
            subject.arguments(subject.inputs(TRACED)),
            dynamo=True,
            dynamic_shapes=_dynamic_shapes(subject, all_axes=True),
            verbose=False,
        )
    assert program is not None, "torch.onnx.export returned nothing"
    session = open_session(program.model_proto.SerializeToString())
    names = [item.name for item in session.get_inputs()]
    for lengths in OTHER_LENGTHS:
        arguments = subject.arguments(subject.inputs(lengths))
        outputs = session.run(None, {name: value.numpy() for name, value in zip(names, arguments, strict=True)})
        with torch.no_grad():
            assert_near(torch.from_numpy(outputs[0]), model(*arguments), FLOAT32_TOLERANCE, f"lengths {lengths}")


def _dynamic_shapes(subject: Subject, *, all_axes: bool) -> tuple[dict[int, Any], ...]:
    """Which axes of each argument may change: the batch, in front of every one, or all of them."""
    auto = torch.export.Dim.AUTO

    def axes(argument: Tensor) -> dict[int, Any]:
        return dict.fromkeys(range(argument.dim() if all_axes else 1), auto)

    return tuple(axes(argument) for argument in subject.arguments(subject.inputs(TRACED)))


def _padded_to_traced(subject: Subject, lengths: Sequence[int]) -> Inputs:
    """Rows of these lengths, as wide as those that were traced."""
    traced = subject.inputs(TRACED)
    return tuple(
        tokens.padded(wide.numbers.shape[1] - tokens.numbers.shape[1])
        for tokens, wide in zip(subject.inputs(lengths), traced, strict=True)
    )
