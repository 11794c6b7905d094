"""export.json as a typed value: what an exported folder holds, and what its graphs take and give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from gyebo.models.interfaces import BEGIN, END, PADDING, UNKNOWN

__all__ = ["ExportFacts", "FileFacts", "GraphFacts", "SpecialTokens", "TensorFacts", "graph_facts"]


@dataclass(frozen=True, kw_only=True)
class TensorFacts:
    """An input or output of a graph; the shape has names where an axis is open, and numbers, as text, where it is not."""

    name: str
    type: str
    shape: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class GraphFacts:
    """All inputs and outputs of a graph, in their order."""

    inputs: tuple[TensorFacts, ...]
    outputs: tuple[TensorFacts, ...]


@dataclass(frozen=True, kw_only=True)
class FileFacts:
    """A file of the folder, and the sha256 of its bytes."""

    name: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class SpecialTokens:
    """The numbers of the tokens that are no text."""

    padding: int = PADDING
    unknown: int = UNKNOWN
    begin: int = BEGIN
    end: int = END


@dataclass(frozen=True, kw_only=True)
class ExportFacts:
    """All of export.json; how outputs are searched stands in config.json, beside what the task needs."""

    format: Literal["onnx"]
    gyebo: str
    """the version that wrote it"""
    architecture: str
    max_tokens: int | None
    """the most tokens that can be read or written; None where there is no limit"""
    tokens: SpecialTokens
    encoder: GraphFacts
    step: GraphFacts
    files: tuple[FileFacts, ...]


def graph_facts(session: Any) -> GraphFacts:
    """What an onnxruntime.InferenceSession takes and gives."""
    return GraphFacts(inputs=_tensors(session.get_inputs()), outputs=_tensors(session.get_outputs()))


def _tensors(items: list[Any]) -> tuple[TensorFacts, ...]:
    return tuple(TensorFacts(name=item.name, type=item.type, shape=tuple(map(str, item.shape))) for item in items)
