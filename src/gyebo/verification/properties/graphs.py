"""Compiled and exported models compute what the eager one does."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import torch
from torch import Tensor

from gyebo.interop.onnx_check import check_graphs
from gyebo.interop.onnx_graphs import PACKAGES, quiet, translator_graphs
from gyebo.interop.onnx_translator import OnnxTranslator, open_session
from gyebo.layers.limits import position_limit
from gyebo.verification.comparison import assert_near, gradients_of
from gyebo.verification.interface import Subject
from gyebo.verification.tokens import TranslatorSubject

__all__ = [
    "MissingPackageError",
    "compiled_equals_eager",
    "exported_equals_eager",
    "onnx_equals_eager_at_other_sizes",
]

TRACED_ROWS = 3
FLOAT64_TOLERANCE = 1e-12  # the same sums in another order, about 1e-15 at these sizes
FLOAT32_TOLERANCE = 1e-5  # the same, about 1e-7


class MissingPackageError(Exception):
    """A check needs a package that is not installed: it is skipped, and says so."""


def compiled_equals_eager(subject: Subject[Any]) -> None:
    """torch.compile gives the logits and gradients of eager mode (aot_eager, float64, within 1e-12)."""
    model, batch = subject.build(dtype=torch.float64), subject.cast(subject.batch(TRACED_ROWS), torch.float64)
    torch.compiler.reset()
    with quiet():
        compiled: Any = torch.compile(model, backend="aot_eager")
        assert_near(compiled(*subject.arguments(batch)), model(*subject.arguments(batch)), FLOAT64_TOLERANCE, "logits")
        found = gradients_of(subject.loss_of_logits(compiled, batch), model)
    for name, expected in gradients_of(subject.loss_of_logits(model, batch), model).items():
        assert_near(found[name], expected, FLOAT64_TOLERANCE, f"gradient of {name}")
    torch.compiler.reset()


def exported_equals_eager(subject: Subject[Any]) -> None:
    """torch.export gives the logits of eager mode (float64, within 1e-12), also at batch sizes not used for tracing."""
    model, traced = subject.build(dtype=torch.float64), subject.cast(subject.batch(TRACED_ROWS), torch.float64)
    axes = tuple({0: torch.export.Dim.AUTO} for _ in subject.arguments(traced))
    with quiet():
        exported: Any = torch.export.export(model, subject.arguments(traced), dynamic_shapes=axes).module()
    with torch.no_grad():
        for batch in (traced, *subject.other_rows()):
            arguments = subject.arguments(subject.cast(batch, torch.float64))
            assert_near(exported(*arguments), model(*arguments), FLOAT64_TOLERANCE, _sizes(arguments))


def onnx_equals_eager_at_other_sizes(subject: Subject[Any]) -> None:
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


def _check_whole_pass(subject: Subject[Any]) -> None:
    model = subject.build()
    arguments = subject.arguments(subject.batch(TRACED_ROWS))
    axes = tuple(dict.fromkeys(subject.open_axes(argument), torch.export.Dim.AUTO) for argument in arguments)
    with quiet():
        program = torch.onnx.export(model, arguments, dynamo=True, dynamic_shapes=axes, verbose=False)
    assert program is not None, "torch.onnx.export returned nothing"
    session = open_session(program.model_proto.SerializeToString())
    names = [item.name for item in session.get_inputs()]
    for batch in subject.other_sizes():
        arguments = subject.arguments(batch)
        outputs = session.run(None, {name: value.numpy() for name, value in zip(names, arguments, strict=True)})
        with torch.no_grad():
            assert_near(torch.from_numpy(outputs[0]), model(*arguments), FLOAT32_TOLERANCE, _sizes(arguments))


def _sizes(arguments: tuple[Tensor, ...]) -> str:
    return f"sizes {', '.join(str(tuple(argument.shape)) for argument in arguments)}"
