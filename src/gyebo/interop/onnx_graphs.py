"""A translator as two ONNX graphs: `encoder`, run once a sentence, and `step`, run once a target token.

    encoder   source (sentences, source), source_lengths (sentences)
              -> memory.NAME (sentences, ...), state.NAME (sentences, 1, ...)
    step      tokens (sentences, beam), state.NAME (sentences, beam, ...), memory.NAME (sentences, ...)
              -> logits (sentences, beam, V), next.NAME (sentences, beam, ...)

The hypotheses of a beam have an axis of their own, so that all of a sentence read its one row of the memory. The state that the encoder
gives is that before the first token; after a step, next.NAME is what the following one takes as state.NAME. What a step does not read,
such as the alignment of the one before, it does not take. Keys and values of past tokens are ordinary parts of the state, which grow by
one place a step.

Everything is learned from the model through the `Translator` interface: its states are looked at, at two sizes, and the axes in which
they differ are left open.
"""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from gyebo.errors import GyeboError, UsageError
from gyebo.layers.cache import KeyValueCache
from gyebo.models.interfaces import FIRST_TOKEN, State, Translator

__all__ = [
    "PACKAGES",
    "Graphs",
    "MissingExporterError",
    "PastKeysValues",
    "quiet",
    "require_packages",
    "tensors_of",
    "translator_graphs",
]

PACKAGES = ("onnx", "onnxscript", "onnxruntime")


class MissingExporterError(UsageError):
    """A package of the extra `export` is not installed."""


@dataclass(frozen=True)
class Graphs:
    """The two graphs of a translator, serialised."""

    encoder: bytes
    step: bytes


@dataclass(frozen=True)
class Sizes:
    """How large the inputs are with which a model is traced; no two may be equal, so that each names its axis."""

    sentences: int
    source: int
    past: int


TRACED, OTHER = Sizes(sentences=3, source=7, past=4), Sizes(sentences=2, source=11, past=5)
TRACED_BEAM = 2
LONGEST_TRACED = max(OTHER.source, OTHER.past + 1)
"""tokens that a model has to be able to read and to write"""
KEYS, VALUES = "keys", "values"


@dataclass
class PastKeysValues:
    """Keys and values of past tokens as plain tensors, one pair a layer: what `gyebo.layers.multi_head.Cache` asks of a cache.

    keys, values: (rows, N, past, K) each. A graph has no memory of its own, so a step returns longer tensors instead of writing into
    these, and no two hypotheses share any.
    """

    keys: list[Tensor]
    values: list[Tensor]
    length: int = 0
    mask: Tensor | None = field(default=None, init=False)

    def next(self) -> PastKeysValues:
        """The cache of the next step, for `extend` to fill."""
        return PastKeysValues([*self.keys], [*self.values], self.keys[0].shape[2] + 1)

    def extend(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """The newest tokens, (rows, N, 1, K) each, behind those before them: (rows, N, past + 1, K) each."""
        self.keys[layer] = torch.cat([self.keys[layer], key], 2)
        self.values[layer] = torch.cat([self.values[layer], value], 2)
        return self.keys[layer], self.values[layer]


def tensors_of(state: State) -> dict[str, Tensor]:
    """A state as tensors by name, those of a cache as "NAME.keys.LAYER" and "NAME.values.LAYER"; an empty cache has none."""
    tensors: dict[str, Tensor] = {}
    for name, part in state.items():
        match part:
            case Tensor():
                tensors[name] = part
            case PastKeysValues():
                tensors |= _named(name, part.keys, part.values)
            case KeyValueCache(length=0):
                pass
            case KeyValueCache(beam=1):
                written = [
                    [item[:, :, : part.length] for item in items if item is not None]
                    for items in (part.buffers.keys, part.buffers.values)
                ]
                tensors |= _named(name, *written)
            case _:
                raise AssertionError(f"a state holds {type(part).__name__}, which has no form in a graph")
    return tensors


def _named(name: str, keys: list[Tensor], values: list[Tensor]) -> dict[str, Tensor]:
    return {
        f"{name}.{kind}.{layer}": tensor
        for kind, tensors in ((KEYS, keys), (VALUES, values))
        for layer, tensor in enumerate(tensors)
    }


def state_of(tensors: Mapping[str, Tensor], like: State) -> State:
    """What `tensors_of` took apart, with a `PastKeysValues` for each cache; like: a state of the same model, for its names."""
    state: State = {}
    for name, part in like.items():
        if isinstance(part, Tensor):
            state[name] = tensors[name]
        else:
            layers = range(sum(each.startswith(f"{name}.{KEYS}.") for each in tensors))
            keys, values = ([tensors[f"{name}.{kind}.{layer}"] for layer in layers] for kind in (KEYS, VALUES))
            state[name] = PastKeysValues(keys, values)
    return state


@dataclass(frozen=True)
class Example:
    """A model's inputs and states at some sizes, some tokens after the beginning, with one hypothesis a sentence."""

    source: Tensor
    source_lengths: Tensor
    memory: State
    state: State

    @classmethod
    @torch.no_grad()
    def of(cls, model: Translator, sizes: Sizes) -> Example:
        source = torch.full((sizes.sentences, sizes.source), FIRST_TOKEN)
        lengths = torch.arange(sizes.source, sizes.source - sizes.sentences, -1)
        memory = model.encode(source, lengths)
        state = model.start(memory)
        for _ in range(sizes.past):
            _, state = model.step(source[:, 0], state, memory)
        return cls(source, lengths, memory, state)


def _axes(traced: Tensor, other: Tensor) -> dict[int, str]:
    """The names of the axes that are open: those in which a tensor differs between the sizes TRACED and OTHER."""
    names = {
        (TRACED.sentences, OTHER.sentences): "sentences",
        (TRACED.source, OTHER.source): "source",
        (TRACED.past, OTHER.past): "past",
    }
    pairs = enumerate(zip(traced.shape, other.shape, strict=True))
    return {axis: names[pair] for axis, pair in pairs if pair[0] != pair[1]}


class _Encoder(nn.Module):
    """The encoder's graph; memory: the parts that a step reads.  state: all parts of a state, as some step left it."""

    def __init__(self, model: Translator, memory: list[str], state: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.model, self.memory, self.state = model, memory, state

    def forward(self, source: Tensor, source_lengths: Tensor) -> tuple[Tensor, ...]:
        memory = self.model.encode(source, source_lengths)
        first = tensors_of(self.model.start(memory))
        # nothing is written yet, so a cache that has no tensors begins with no place in its axis of past tokens
        empty = {name: tensor[:1, :, :0].detach() for name, tensor in self.state.items() if name not in first}
        first |= {name: tensor.expand(len(source), -1, -1, -1) for name, tensor in empty.items()}
        return *(memory[name] for name in self.memory), *(first[name].unsqueeze(1) for name in self.state)


class _Step(nn.Module):
    """The step's graph; like: a state of the model, for its names."""

    def __init__(self, model: Translator, like: State) -> None:
        super().__init__()
        self.model, self.like = model, like

    def forward(self, tokens: Tensor, state: dict[str, Tensor], memory: dict[str, Tensor]) -> tuple[Tensor, ...]:
        count = tokens.numel()  # read once: `flatten` would find it from every tensor anew
        rows = state_of({name: tensor.reshape(count, *tensor.shape[2:]) for name, tensor in state.items()}, self.like)
        logits, following = self.model.step(tokens.flatten(), rows, memory)
        return tuple(part.unflatten(0, tokens.shape) for part in (logits, *tensors_of(following).values()))


def translator_graphs(model: nn.Module, metadata: Mapping[str, str] | None = None) -> Graphs:
    """The graphs of a model in evaluation mode that is a `gyebo.models.interfaces.Translator`.

    metadata: texts that both files keep, such as the name of the architecture.
    Raises MissingExporterError where a package of the extra `export` is not installed.
    """
    require_packages()
    translator: Any = model
    traced, other = (Example.of(translator, sizes) for sizes in (TRACED, OTHER))
    step = _step_program(translator, traced, other)
    read = {value.name for value in step.model.graph.inputs if value.uses()}
    for value in [value for value in step.model.graph.inputs if value.name not in read]:
        step.model.graph.inputs.remove(value)
    memory = [name for name in traced.memory if f"memory.{name}" in read]
    encoder = _encoder_program(translator, memory, traced, other)
    return Graphs(_serialised(encoder, metadata or {}), _serialised(step, metadata or {}))


def require_packages() -> None:
    """Raise MissingExporterError, naming the extra, where one of PACKAGES is not installed."""
    for package in PACKAGES:
        try:
            import_module(package)
        except ImportError as error:
            raise MissingExporterError(f"ONNX needs {package}, of the extra `export`: pip install 'gyebo[export]'") from error


def _step_program(model: Translator, traced: Example, other: Example) -> Any:
    states = [{name: tensor.unsqueeze(1) for name, tensor in tensors_of(example.state).items()} for example in (traced, other)]
    state = {name: tensor.repeat_interleave(TRACED_BEAM, 1) for name, tensor in states[0].items()}
    tokens = torch.full((TRACED.sentences, TRACED_BEAM), FIRST_TOKEN)
    inputs = {"tokens": tokens, "state": state, "memory": traced.memory}
    open_axes = {
        "tokens": {0: "sentences", 1: "beam"},
        "state": {name: _axes(tensor, states[1][name]) | {1: "beam"} for name, tensor in states[0].items()},
        "memory": {name: _axes(tensor, other.memory[name]) for name, tensor in traced.memory.items()},
    }
    names = ["tokens", *(f"state.{name}" for name in state), *(f"memory.{name}" for name in traced.memory)]
    outputs = ["logits", *(f"next.{name}" for name in state)]
    return _export(_Step(model, traced.state), inputs, open_axes, names, outputs)


def _encoder_program(model: Translator, memory: list[str], traced: Example, other: Example) -> Any:
    state = tensors_of(traced.state)
    inputs = {"source": traced.source, "source_lengths": traced.source_lengths}
    open_axes = {"source": _axes(traced.source, other.source), "source_lengths": _axes(traced.source_lengths, other.source_lengths)}
    outputs = [*(f"memory.{name}" for name in memory), *(f"state.{name}" for name in state)]
    return _export(_Encoder(model, memory, state), inputs, open_axes, [*inputs], outputs)


def _attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    """`torch.nn.functional.scaled_dot_product_attention` as the five nodes of its equation.

    The exporter's own way takes keys of any shape apart and together again, at a price of ten nodes more for each attention.
    """
    from onnxscript import opset18

    op: Any = opset18  # its operators are typed for scripts, not for the values that the exporter hands over
    unusual = is_causal or dropout_p or enable_gqa or scale
    assert not unusual, "no encoder, and no step, asks for these"
    scores = op.MatMul(op.Mul(query, op.Constant(value_float=query.shape[-1] ** -0.5)), op.Transpose(key, perm=[0, 1, 3, 2]))
    if attn_mask is not None:  # numbers to add, or where a query may look
        is_number = attn_mask.dtype == query.dtype
        scores = op.Add(scores, attn_mask) if is_number else op.Where(attn_mask, scores, op.Constant(value_float=-math.inf))
    return op.MatMul(op.Softmax(scores, axis=-1), value)


def _export(module: nn.Module, inputs: dict[str, Any], open_axes: dict[str, Any], names: list[str], outputs: list[str]) -> Any:
    try:
        with quiet():
            program = torch.onnx.export(
                module.eval(),
                kwargs=inputs,
                dynamo=True,
                dynamic_shapes=open_axes,
                input_names=names,
                output_names=outputs,
                custom_translation_table={torch.ops.aten.scaled_dot_product_attention.default: _attention},
                verbose=False,
            )
    except Exception as error:  # of classes of its own for each stage
        told = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise GyeboError(
            f"torch {torch.__version__} cannot turn this model into an ONNX graph ({told}). Nothing was written; models with the default"
            " parts can be exported, and so may this one with another version of torch."
        ) from error
    assert program is not None, "torch.onnx.export returned nothing"
    return program


def _serialised(program: Any, metadata: Mapping[str, str]) -> bytes:
    """The bytes of an ONNX file, without what the exporter notes of the machine: source lines and their folders."""
    from onnx_ir.passes.common import ClearMetadataAndDocStringPass

    ClearMetadataAndDocStringPass()(program.model)
    program.model.metadata_props.update(metadata)
    return program.model_proto.SerializeToString()


@contextmanager
def quiet() -> Iterator[None]:
    """Without what compilers and exporters say about their own internals."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
