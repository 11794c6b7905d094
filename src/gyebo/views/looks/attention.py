"""Attention as it was computed: the weights of every head of every layer, from the calls that a recorder kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import torch
from torch import Tensor, nn

from gyebo.layers.multi_head import MaskedMultiHeadAttention
from gyebo.models.interfaces import BEGIN, END
from gyebo.runs import Run
from gyebo.views.looks.reading import Reading, lacks_text, shortest_reading
from gyebo.views.recorder import Call, record

__all__ = ["Heads", "Reads", "Written", "lacks_attention", "written"]


class Reads(Enum):
    """What an attention reads; the value names such an attention."""

    ITSELF = "self-attention"
    ITS_PAST = "masked self-attention"
    SOURCE = "attention to the source"


@dataclass(frozen=True)
class Heads:
    """One attention of a model: the path of its module, what it reads, and its weights (N, T, S) for one text."""

    path: str
    reads: Reads
    weights: Tensor


@dataclass(frozen=True)
class Written:
    """A text, what the model wrote (a language model: predicted) from it, and every call of every module on the way.

    source: the S tokens of the text; sentence: what was written, in T tokens; before: those that stand before each of them, which the
    model has read then; attentions: in the order of computing.
    """

    source: list[str]
    sentence: str
    before: list[str]
    tokens: list[str]
    attentions: Sequence[Heads]
    calls: Mapping[str, Sequence[Call]]


def written(model: nn.Module, text: Reading) -> Written:
    """Have the model write, then record one pass over what it wrote, which checks what it shows."""
    following = text.write()
    with torch.no_grad():
        _, calls = record(model, lambda: text.predict(following))
    return Written(
        source=text.vocabulary.names(text.tokens[0].tolist()),
        sentence=text.answers.decode(following),
        before=text.answers.names([BEGIN, *following[:-1]]),
        tokens=text.answers.names(following),
        attentions=_attentions(model, calls),
        calls=calls,
    )


def lacks_attention(run: Run, *kinds: Reads) -> str | None:
    """What a run lacks to have attention of one of these kinds looked at, or of any kind where none is named."""
    if (reason := lacks_text(run)) is not None:
        return reason
    with torch.no_grad():
        _, calls = record(run.model, lambda: shortest_reading(run).predict([END]))
    if any(each.reads in (kinds or Reads) for each in _attentions(run.model, calls)):
        return None
    return f"its architecture {run.architecture_name!r} has no {' and no '.join(kind.value for kind in kinds) or 'attention'}"


def _attentions(model: nn.Module, calls: Mapping[str, Sequence[Call]]) -> list[Heads]:
    found = []
    for path, [call, *_] in calls.items():
        if "weights" in call.inside:  # (B, N, T, S)
            found.append(Heads(path, _reads(model.get_submodule(path), call), call.inside["weights"][0]))
        elif "alignment" in call.inside:  # of a recurrent decoder, which has one head: (B, T, S)
            found.append(Heads(path, Reads.SOURCE, call.inside["alignment"]))
    return found


def _reads(module: nn.Module, call: Call) -> Reads:
    if isinstance(module, MaskedMultiHeadAttention):
        return Reads.ITS_PAST
    memory = call.arguments[1] if len(call.arguments) > 1 else call.named.get("memory")
    return Reads.ITSELF if memory is None else Reads.SOURCE
