"""The recurrent layer that reads a text, found by watching the model work, whether it translates or predicts what comes next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gyebo.errors import UsageError
from gyebo.layers.recurrent import Recurrent
from gyebo.models.interfaces import BEGIN
from gyebo.runs import Run
from gyebo.tasks.language import Language
from gyebo.tasks.translate import Translate
from gyebo.views.looks.sentences import check_length, sentence, source_tokens
from gyebo.views.recorder import Call, record

__all__ = ["Reading", "lacks_recurrent_layer", "reading", "recurrent_call"]


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


def lacks_recurrent_layer(run: Run) -> str | None:
    """What a run lacks to have the steps of its reading looked at."""
    if not isinstance(run.task, Translate | Language):
        return f"its task is {run.task_name!r}, which reads no text"
    if not run.folder.model.is_file():
        return "it has no weights yet: it has not reached its first evaluation"
    has_one = any(isinstance(module, Recurrent) for module in run.model.modules())
    return None if has_one else f"its architecture {run.architecture_name!r} has no recurrent layer"


def reading(run: Run, text: str) -> Reading:
    """How the run's model reads a text.  Raises UsageError for an empty text, or one too long for a figure."""
    model: Any = run.model
    if isinstance(run.task, Language):
        [following] = run.task.vocabulary.encode([text])
        if not text.strip() or len(following) < 2:
            raise UsageError(f"The input {text!r} holds no token to look at. Give a sentence.")
        check_length(len(following))
        tokens, lengths = torch.tensor([[BEGIN, *following[:-1]]]), torch.tensor([len(following)])
        return Reading(
            tokens,
            run.task.vocabulary.names,
            read=lambda: model.features(tokens, lengths),
            last_loss=lambda: F.cross_entropy(model(tokens, lengths)[:, -1], torch.tensor(following[-1:])),
        )
    assert isinstance(run.task, Translate), "lacks_recurrent_layer stands before this"
    source = source_tokens(run, text)
    lengths = torch.tensor([source.shape[1]])

    def last_loss() -> Tensor:
        example = sentence(run, text)
        logits = model(example.source, example.source_lengths, example.target)  # (1, T, V)
        return F.cross_entropy(logits[:, -1], example.following[:, -1])

    return Reading(source, run.task.source.names, read=lambda: model.encode(source, lengths), last_loss=last_loss)


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
