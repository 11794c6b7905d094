"""Sentences to look at, as a translator reads them: shared by the views that look into translation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from gyebo.data.batching import TokenSequences
from gyebo.errors import UsageError
from gyebo.models.interfaces import BEGIN
from gyebo.runs import Run
from gyebo.tasks.translate import Translate
from gyebo.views.figure import Figure

__all__ = [
    "Sentence",
    "captioned",
    "check_length",
    "first_input",
    "lacks_translator",
    "sample_inputs",
    "sentence",
    "source_tokens",
    "translator_task",
]

MAX_TOKENS = 256  # what the figures over tokens can draw


@dataclass(frozen=True)
class Sentence:
    """One sentence and the model's own translation of it, ready for `Translator.features`.

    source (1, S), source_lengths (1,), target begun by BEGIN (1, T), following: the tokens to predict (1, T).
    """

    source: Tensor
    source_lengths: Tensor
    target: Tensor
    following: Tensor


def lacks_translator(run: Run) -> str | None:
    """What a run lacks to be looked at while it translates."""
    if not isinstance(run.task, Translate):
        return f"its task is {run.task_name!r} and not 'translate'"
    return None if run.folder.model.is_file() else "it has no weights yet: it has not reached its first evaluation"


def translator_task(run: Run) -> Translate:
    """The run's task, after `lacks_translator` has found nothing."""
    assert isinstance(run.task, Translate), "lacks_translator stands before this"
    return run.task


def sample_inputs(run: Run) -> list[str]:
    """The inputs of the samples in results.json.  Raises UsageError where training has not written it yet."""
    if not run.folder.results.is_file():
        raise UsageError(f"The run {run.name!r} has no samples yet, because its training has not ended. Give an input to look at.")
    return [sample["input"] for sample in run.folder.read(run.folder.results)["samples"]]


def first_input(run: Run, inputs: Sequence[str]) -> str:
    """The one input that a view of a single sentence shows: the first one given, or the run's first sample."""
    return (list(inputs) or sample_inputs(run))[0]


def sentence(run: Run, text: str) -> Sentence:
    """The text and its translation as the model's tensors.

    Raises UsageError for a text that cannot be translated, or has more tokens than a figure can hold.
    """
    task = translator_task(run)
    source = source_tokens(run, text)
    sources = TokenSequences.of(source.tolist())
    [hypotheses] = task.translate(run.model, sources, task.config.decoding, "cpu", lambda: None)
    following = torch.tensor([hypotheses[0].tokens])
    target = torch.cat([torch.tensor([[BEGIN]]), following[:, :-1]], 1)
    return Sentence(source, torch.tensor([source.shape[1]]), target, following)


def source_tokens(run: Run, text: str) -> Tensor:
    """The text as the source (1, S) of a translator.  Raises UsageError for an empty text, or one too long for a figure."""
    numbers = translator_task(run).source.encode([text])
    if not text.strip() or len(numbers[0]) < 2:
        raise UsageError(f"The input {text!r} holds no token to look at. Give a sentence.")
    check_length(len(numbers[0]))
    return torch.tensor(numbers)


def check_length(num_tokens: int) -> None:
    """Raises UsageError where a figure over so many tokens could not be read."""
    if num_tokens > MAX_TOKENS:
        raise UsageError(f"The sentence has {num_tokens} tokens, and a figure holds at most {MAX_TOKENS}. Give a shorter one.")


def captioned(figure: Figure, sentence: str) -> Figure:
    """The figure with a sentence before its caption, also for screen readers."""
    caption = f"{sentence} {figure.caption}"
    return replace(figure, caption=caption, spec=figure.spec | {"description": caption})
