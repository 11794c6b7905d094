"""A text as a model reads it, and what it writes or predicts from it; and the modules that do the reading."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gyebo.data.batching import TokenSequences
from gyebo.data.vocabulary import Vocabulary
from gyebo.errors import UsageError
from gyebo.layers.recurrent import Recurrent
from gyebo.models.interfaces import BEGIN, END
from gyebo.runs import Run
from gyebo.tasks.language import Language
from gyebo.tasks.translate import Translate
from gyebo.views.recorder import Call, record

__all__ = [
    "Reader",
    "Reading",
    "check_length",
    "lacks_text",
    "lacks_weights",
    "last_loss",
    "lowest_gates",
    "reader",
    "reading",
    "shortest_reading",
]

MAX_TOKENS = 256  # what the figures over tokens can draw

LOWEST = "l0"  # the scan that reads the word vectors themselves, forward


@dataclass(frozen=True)
class Reading:
    """A text as a model reads it, and what it writes or predicts from it.

    tokens: (1, S), of the vocabulary.  read: runs the part of the model that reads them.
    write: the tokens that the model answers with, END included: its own translation, or for a language model the text itself.
    predict: such tokens, of the answers' vocabulary -> the logits of each (1, T, V), from those before it.
    """

    tokens: Tensor
    vocabulary: Vocabulary
    read: Callable[[], object]
    write: Callable[[], list[int]]
    predict: Callable[[list[int]], Tensor]
    answers: Vocabulary


def lacks_weights(run: Run) -> str | None:
    """What a run lacks to have its model looked into at all."""
    return None if run.folder.model.is_file() else "it has no weights yet: it has not reached its first evaluation"


def lacks_text(run: Run) -> str | None:
    """What a run lacks to be watched while it reads a text."""
    if not isinstance(run.task, Translate | Language):
        return f"its task is {run.task_name!r}, which reads no text"
    return lacks_weights(run)


def reading(run: Run, text: str) -> Reading:
    """How the run's model reads a text; nothing is computed before it is asked for.

    Raises UsageError for an empty text, or one too long for a figure.
    """
    return _reading(run, lambda vocabulary: _encoded(vocabulary, text))


def shortest_reading(run: Run) -> Reading:
    """How the model reads the end of a text alone: enough to see which of its modules take part."""
    return _reading(run, lambda vocabulary: [END])


def _reading(run: Run, encoded: Callable[[Vocabulary], list[int]]) -> Reading:
    match run.task:
        case Language() as task:
            return _read_to_predict(task, run.model, encoded(task.vocabulary))
        case Translate() as task:
            return _read_to_translate(task, run.model, encoded(task.source))
        case _:
            raise AssertionError("lacks_text stands before this")


def _read_to_predict(task: Language, model: Any, following: list[int]) -> Reading:
    """A language model reads BEGIN and all tokens but the last, which is END: it predicts each from those before it."""
    tokens = torch.tensor([[BEGIN, *following[:-1]]])

    def predict(following: list[int]) -> Tensor:
        return model(torch.tensor([[BEGIN, *following[:-1]]]), torch.tensor([len(following)]))

    def read() -> object:
        return model.features(tokens, torch.tensor([len(following)]))

    return Reading(tokens, task.vocabulary, read, lambda: following, predict, task.vocabulary)


def _read_to_translate(task: Translate, model: Any, numbers: list[int]) -> Reading:
    """A translator's encoder reads the source, and its decoder what it has written so far."""
    source, lengths = torch.tensor([numbers]), torch.tensor([len(numbers)])

    def write() -> list[int]:
        [hypotheses] = task.translate(model, TokenSequences.of([numbers]), task.config.decoding, "cpu", lambda: None)
        return hypotheses[0].tokens

    def predict(following: list[int]) -> Tensor:
        return model(source, lengths, torch.tensor([[BEGIN, *following[:-1]]]))

    def read() -> object:
        return model.encode(source, lengths)

    return Reading(source, task.source, read, write, predict, task.target)


def last_loss(text: Reading, following: list[int]) -> Tensor:
    """The cross-entropy of the last of these tokens, in nats: a number with its graph."""
    return F.cross_entropy(text.predict(following)[:, -1], torch.tensor(following[-1:]))


def _encoded(vocabulary: Vocabulary, text: str) -> list[int]:
    """The tokens of a text, END included, once there is something to draw and not too much of it."""
    [numbers] = vocabulary.encode([text])
    if not text.strip() or len(numbers) < 2:
        raise UsageError(f"The input {text!r} holds no token to look at. Give a sentence.")
    check_length(len(numbers))
    return numbers


def check_length(num_tokens: int, most: int = MAX_TOKENS) -> None:
    """Raises UsageError where a figure over so many tokens could not be read."""
    if num_tokens > most:
        raise UsageError(f"The sentence has {num_tokens} tokens, and a figure holds at most {most}. Give a shorter one.")


def lowest_gates(call: Call) -> dict[str, np.ndarray]:
    """The gates and states of one text, (T, D) each: of a stack those of its lowest layer, forward; empty where there are none."""
    parts = {name: part[0].float().numpy() for name, part in call.inside.items() if part.ndim == 3}  # (B, T, D) each
    if f"{LOWEST}.hidden" in parts:
        scan = f"{LOWEST}."
        return {name.removeprefix(scan): part for name, part in parts.items() if name.startswith(scan)}
    return {name: part for name, part in parts.items() if name != "alignment"} if "hidden" in parts else {}


@dataclass(frozen=True)
class Reader:
    """What reads a text: the module that looks up the tokens' vectors, and the first recurrent layer after it, if there is one.

    read: the tokens (1, S) in the order in which they are looked up, for some encoders read the source backwards.
    call: that of the recurrent layer.
    """

    embedding_path: str
    embedding: nn.Module
    read: Tensor
    layer_path: str | None = None
    layer: Recurrent[Any] | None = None
    call: Call | None = None


def reader(model: nn.Module, text: Reading) -> Reader:
    """Record how the model reads a text, and find what does it."""
    with torch.no_grad():
        _, calls = record(model, text.read)
    found: Reader | None = None
    for path, [call, *_] in calls.items():
        module = model.get_submodule(path)
        if found is None and _looks_up(call):
            found = Reader(path, module, call.arguments[0])
        elif found is not None and isinstance(module, Recurrent):
            return replace(found, layer_path=path, layer=module, call=call)
    assert found is not None, "a text is read through the vectors of its tokens"
    return found


def _looks_up(call: Call) -> bool:
    """Whether a module took token numbers (B, T) and gave back their vectors (B, T, m)."""
    tokens, vectors = (call.arguments[0] if call.arguments else None), call.output
    if not isinstance(tokens, Tensor) or not isinstance(vectors, Tensor) or tokens.is_floating_point():
        return False
    return vectors.is_floating_point() and vectors.shape[:-1] == tokens.shape
