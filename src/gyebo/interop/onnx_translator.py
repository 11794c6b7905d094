"""The graphs of a translator, computed by ONNX Runtime, as a model like any other: searched, scored and predicted with the same code."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from gyebo.errors import GyeboError, UsageError
from gyebo.layers.positions import LearnedPositions
from gyebo.models.interfaces import State

__all__ = ["OnnxTranslator", "open_session"]


def open_session(model: bytes | str) -> Any:
    """An onnxruntime.InferenceSession of a serialised graph, or of a file, with as many threads as torch has.

    Raises UsageError where onnxruntime is not installed, GyeboError for what is no ONNX graph.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise UsageError("ONNX graphs are computed by onnxruntime, of the extra `export`: pip install 'gyebo[export]'") from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what fails is raised as well
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # classes of its own for each kind of failure, with no common one below Exception
        name = model if isinstance(model, str) else "The graph"
        raise GyeboError(
            f"{name} is not an ONNX graph that ONNX Runtime can open ({_first_line(error)}). Export it again."
        ) from error


class OnnxTranslator(nn.Module):
    """A `gyebo.models.interfaces.Translator` whose equations are two ONNX graphs (see `gyebo.interop.onnx_graphs`).

    Its memory holds what the encoder's graph gives, the first state included. It has no parameters and cannot be trained.
    max_tokens: the most tokens that it can read or write, where it has learned positions.
    """

    def __init__(self, encoder: Any, step: Any, max_tokens: int | None = None) -> None:
        super().__init__()
        self.encoder, self.stepper = _Graph(encoder), _Graph(step)
        if max_tokens is not None:
            self.positions = _PositionsOfGraph(max_tokens)

    def encode(self, source: Tensor, source_lengths: Tensor) -> State:
        return self.encoder.run({"source": source, "source_lengths": source_lengths})

    def start(self, memory: State) -> State:
        return {name.removeprefix("state."): part.squeeze(1) for name, part in memory.items() if name.startswith("state.")}

    def step(self, tokens: Tensor, state: State, memory: State) -> tuple[Tensor, State]:
        sentences = len(next(iter(memory.values())))
        shape = (sentences, len(tokens) // sentences)  # (sentences, beam)
        inputs = {"tokens": tokens.unflatten(0, shape)}
        inputs |= {f"state.{name}": state[name].unflatten(0, shape) for name in self.stepper.inputs_named("state.")}
        inputs |= {f"memory.{name}": memory[f"memory.{name}"] for name in self.stepper.inputs_named("memory.")}
        outputs = {name: tensor.flatten(0, 1) for name, tensor in self.stepper.run(inputs).items()}
        return outputs.pop("logits"), {name.removeprefix("next."): tensor for name, tensor in outputs.items()}

    def fast_steps(self, sentences: int | None = None) -> AbstractContextManager[None]:
        return _OneThread()

    def features(self, source: Tensor, source_lengths: Tensor, target: Tensor) -> Tensor:
        """The logits themselves, (B, T, V): one step a target token."""
        memory = self.encode(source, source_lengths)
        state, steps = self.start(memory), []
        for tokens in target.unbind(1):
            logits, state = self.step(tokens, state, memory)
            steps.append(logits)
        return torch.stack(steps, 1)

    def logits(self, features: Tensor) -> Tensor:
        return features

    def forward(self, source: Tensor, source_lengths: Tensor, target: Tensor) -> Tensor:
        return self.features(source, source_lengths, target)


class _OneThread:
    """Inside, torch computes on one thread: its others, which wait for work by spinning, would take the cores from ONNX Runtime's.

    With as many threads as cores in both, a step took nearly twice as long (`benchmarks/decoding.py`).
    """

    def __enter__(self) -> None:
        self.threads = torch.get_num_threads()
        torch.set_num_threads(1)

    def __exit__(self, *error: object) -> None:
        torch.set_num_threads(self.threads)


class _Graph:
    """A session that takes and returns tensors by name."""

    def __init__(self, session: Any) -> None:
        self.session = session
        self.inputs: Sequence[str] = [item.name for item in session.get_inputs()]
        self.outputs: Sequence[str] = [item.name for item in session.get_outputs()]

    def inputs_named(self, prefix: str) -> list[str]:
        """What follows the prefix in the names of the inputs that begin with it."""
        return [name.removeprefix(prefix) for name in self.inputs if name.startswith(prefix)]

    def run(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        try:
            arrays = self.session.run(self.outputs, {name: tensor.numpy() for name, tensor in inputs.items()})
        except Exception as error:  # as in `open_session`
            raise GyeboError(
                f"ONNX Runtime could not compute the graph ({_first_line(error)}). The input may be longer than the model reads;"
                " where a short one fails too, export the run again."
            ) from error
        return {name: torch.from_numpy(array) for name, array in zip(self.outputs, arrays, strict=True)}


class _PositionsOfGraph(LearnedPositions):
    """Says how many positions a graph has learned; their vectors are in the graph."""

    def __init__(self, max_positions: int) -> None:
        nn.Module.__init__(self)
        self.max_positions = max_positions


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
