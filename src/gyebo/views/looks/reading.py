"""A text as a model reads it, whether it translates or predicts what comes next, and the recurrent layer that does the reading."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gyebo.data.batching import TokenSequences
from gyebo.data.vocabulary import Vocabulary
from gyebo.errors import UsageError
from gyebo.layers.recurrent import Recurrent
from gyebo.models.interfaces import BEGIN
from gyebo.runs import Run
from gyebo.tasks.language import Language
from gyebo.tasks.translate import Translate
from gyebo.views.recorder import Call, record

__all__ = ["Reading", "check_length", "lacks_recurrent_layer", "lacks_weights", "reading", "recurrent_call"]

MAX_TOKENS = 256  # what the figures over tokens can draw


@dataclass(frozen=True)
class Reading:
    """A text as a model reads it.

    tokens (1, S); names: token numbers to text; read: runs the part of the model that reads; last_loss: the loss of the last token
    that the model writes or predicts.
    """

    tokens: Tensor
    names: Callable[[list[int]], list[str]]
    read: Callable[[], object]
    last_loss: Callable[[], Tensor]


def lacks_weights(run: Run) -> str | None:
    """What a run lacks to have its model looked into at all."""
    return None if run.folder.model.is_file() else "it has no weights yet: it has not reached its first evaluation"


def lacks_recurrent_layer(run: Run) -> str | None:
    """What a run lacks to have the steps of its reading looked at."""
    if not isinstance(run.task, Translate | Language):
        return f"its task is {run.task_name!r}, which reads no text"
    if (reason := lacks_weights(run)) is not None:
        return reason
    has_one = any(isinstance(module, Recurrent) for module in run.model.modules())
    return None if has_one else f"its architecture {run.architecture_name!r} has no recurrent layer"


def reading(run: Run, text: str) -> Reading:
    """How the run's model reads a text; nothing is computed before it is asked for.

    Raises UsageError for an empty text, or one too long for a figure.
    """
    match run.task:
        case Language() as task:
            return _read_to_predict(task, run.model, text)
        case Translate() as task:
            return _read_to_translate(task, run.model, text)
        case _:
            raise AssertionError("lacks_recurrent_layer stands before this")


def _read_to_predict(task: Language, model: Any, text: str) -> Reading:
    """A language model reads BEGIN and all tokens but the last, which is END: it predicts each from those before it."""
    following = _encoded(task.vocabulary, text)
    tokens, lengths = torch.tensor([[BEGIN, *following[:-1]]]), torch.tensor([len(following)])
    return Reading(
        tokens,
        task.vocabulary.names,
        read=lambda: model.features(tokens, lengths),
        last_loss=lambda: F.cross_entropy(model(tokens, lengths)[:, -1], torch.tensor(following[-1:])),
    )


def _read_to_translate(task: Translate, model: Any, text: str) -> Reading:
    """A translator's encoder reads the source; the last token is that of its own translation."""
    numbers = _encoded(task.source, text)
    source, lengths = torch.tensor([numbers]), torch.tensor([len(numbers)])

    def last_loss() -> Tensor:
        [hypotheses] = task.translate(model, TokenSequences.of([numbers]), task.config.decoding, "cpu", lambda: None)
        written = hypotheses[0].tokens
        logits = model(source, lengths, torch.tensor([[BEGIN, *written[:-1]]]))  # (1, T, V)
        return F.cross_entropy(logits[:, -1], torch.tensor(written[-1:]))

    return Reading(source, task.source.names, read=lambda: model.encode(source, lengths), last_loss=last_loss)


def _encoded(vocabulary: Vocabulary, text: str) -> list[int]:
    """The tokens of a text, END included, once there is something to draw and not too much of it."""
    [numbers] = vocabulary.encode([text])
    if not text.strip() or len(numbers) < 2:
        raise UsageError(f"The input {text!r} holds no token to look at. Give a sentence.")
    check_length(len(numbers))
    return numbers


def check_length(num_tokens: int) -> None:
    """Raises UsageError where a figure over so many tokens could not be read."""
    if num_tokens > MAX_TOKENS:
        raise UsageError(f"The sentence has {num_tokens} tokens, and a figure holds at most {MAX_TOKENS}. Give a shorter one.")


def recurrent_call(model: nn.Module, text: Reading) -> tuple[str, Recurrent[Any], Call, Tensor]:
    """The path of the first recurrent layer that reads a text, the layer, its call, and the tokens it read (1, S).

    Some encoders read the source backwards: the tokens are those that the word vectors were looked up for, in that order.
    Raises UsageError where no recurrent layer takes part in reading.
    """
    with torch.inference_mode():
        _, calls = record(model, text.read)
    read = text.tokens
    for path, [call, *_] in calls.items():
        module = model.get_submodule(path)
        if isinstance(module, nn.Embedding):
            read = call.arguments[0]
        if isinstance(module, Recurrent):
            return path, module, call, read
    raise UsageError("No recurrent layer takes part in reading the text, so it has no steps to look at.")
