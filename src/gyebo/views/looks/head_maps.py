"""The maps of all heads for one text: what the views of self-attention and of attention to the source have in common."""

from __future__ import annotations

from collections.abc import Sequence

from gyebo.errors import UsageError
from gyebo.runs import Run
from gyebo.views.alignment import Alignment
from gyebo.views.figure import Figure
from gyebo.views.heads import MAX_CELLS, MAX_TOKENS, heads
from gyebo.views.looks.attention import Heads, Reads, Written, written
from gyebo.views.looks.inputs import first_that_fits
from gyebo.views.looks.reading import check_length, reading

__all__ = ["head_maps"]


def head_maps(run: Run, inputs: Sequence[str], reads: Reads, name: str, title: str, caption: str) -> Figure:
    """All heads that read this, of the first input, or of the first of the run's samples that is short enough.

    Raises UsageError for an input that is too long for maps side by side.
    """

    def look(text: str) -> Figure:
        seen = reading(run, text)
        check_length(seen.tokens.shape[1], MAX_TOKENS)
        found = written(run.model, seen)
        check_length(len(found.tokens), MAX_TOKENS)
        chosen = [each for each in found.attentions if each.reads is reads]
        if (cells := sum(each.weights.numel() for each in chosen)) > MAX_CELLS:
            raise UsageError(
                f"The heads of {run.name!r} make {cells:,} cells for this text, and a figure holds {MAX_CELLS:,}. Give a shorter one."
            )
        told = f"{run.name} reads '{text}'" + ("." if reads is Reads.ITSELF else f" and writes '{found.sentence}'.")
        return heads(name, title, caption, {each.path: _maps(each, found) for each in chosen}).introduced(told)

    return first_that_fits(run, inputs, look)


def _maps(attention: Heads, found: Written) -> dict[str, Alignment]:
    columns, rows = {
        Reads.ITSELF: (found.source, found.source),
        Reads.ITS_PAST: (found.before, found.before),
        Reads.SOURCE: (found.source, found.tokens),
    }[attention.reads]
    maps = {
        f"head {number}": Alignment(columns, rows, weights) for number, weights in enumerate(attention.weights.numpy(), start=1)
    }
    if attention.reads is Reads.SOURCE and len(maps) > 1:
        maps["mean"] = Alignment(columns, rows, attention.weights.mean(0).numpy())
    return maps
