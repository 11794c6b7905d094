"""Exported graphs beside the model that they come from: at sizes not used for tracing, over several steps, in a beam."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gyebo.decoding.rows import repeat_rows, select_rows
from gyebo.errors import GyeboError
from gyebo.interop.onnx_graphs import tensors_of
from gyebo.layers.limits import source_limit
from gyebo.layers.sequence import real_positions
from gyebo.models.interfaces import END, FIRST_TOKEN, PADDING, State

__all__ = ["CHECKED_SIZES", "TOLERANCE", "CheckedSizes", "check_graphs"]

TOLERANCE = 1e-5  # of the largest number that is compared, or of 1: float32 keeps 6e-8, and sums are in another order
NUM_STEPS = 4


@dataclass(frozen=True)
class CheckedSizes:
    """The source lengths of a batch, END counted, and how many hypotheses a sentence has."""

    lengths: Sequence[int]
    beam: int


CHECKED_SIZES = (CheckedSizes([1], 1), CheckedSizes([9, 2], 3), CheckedSizes([17, 13, 1, 5], 5))
"""numbers of sentences, lengths of sources and beams that all differ from those of tracing"""


@torch.inference_mode()
def check_graphs(model: Any, exported: Any, vocabularies: tuple[int, int]) -> float:
    """The largest difference between two translators, relative to the largest number compared, over all CHECKED_SIZES.

    Compared are the logits of every step and all parts of the state that both have; between steps, hypotheses of a sentence change
    places as in a search. vocabularies: how many tokens there are, of source and target.
    Raises GyeboError, naming the size and the tensor, where a difference is larger than TOLERANCE.
    """
    worst = 0.0
    for sizes in CHECKED_SIZES:
        for name, actual, expected in _compared(model, exported, sizes, vocabularies):
            difference = _difference(actual, expected)
            if not difference <= TOLERANCE:
                told = f"sources of {', '.join(map(str, sizes.lengths))} tokens and {sizes.beam} hypotheses each"
                raise GyeboError(
                    f"The exported graphs do not compute what the model does: for {told}, the largest difference in {name} is"
                    f" {difference:.1e}, and {TOLERANCE:.0e} is allowed."
                )
            worst = max(worst, difference)
    return worst


def _compared(model: Any, exported: Any, sizes: CheckedSizes, vocabularies: tuple[int, int]) -> list[tuple[str, Tensor, Tensor]]:
    """(name, the exported tensor, the model's) for each step of both."""
    generator = torch.Generator().manual_seed(len(sizes.lengths))
    source, lengths = _sources(_within_limit(model, sizes.lengths), vocabularies[0], generator)
    memories = [translator.encode(source, lengths) for translator in (model, exported)]
    states: list[State] = [
        repeat_rows(translator.start(memory), sizes.beam) for translator, memory in zip((model, exported), memories, strict=True)
    ]
    pairs: list[tuple[str, Tensor, Tensor]] = []
    for step in range(1, NUM_STEPS + 1):
        tokens = torch.randint(FIRST_TOKEN, vocabularies[1], (len(source) * sizes.beam,), generator=generator)
        (expected, state), (actual, own) = (
            translator.step(tokens, state, memory)
            for translator, state, memory in zip((model, exported), states, memories, strict=True)
        )
        pairs.append((f"the logits of step {step}", actual, expected))
        plain = tensors_of({name: part for name, part in state.items() if isinstance(part, Tensor)})
        pairs += [(f"{name} after step {step}", own[name], tensor) for name, tensor in plain.items() if name in own]
        parents = _parents(len(source), sizes.beam, generator)
        states = [select_rows(each, parents) for each in (state, own)]
    return pairs


def _within_limit(model: nn.Module, lengths: Sequence[int]) -> list[int]:
    """The lengths, none longer than the model can read."""
    limit = source_limit(model)
    return [length if limit is None else min(length, limit.tokens) for length in lengths]


def _sources(lengths: list[int], vocabulary: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Random sentences of these lengths, ended by END and padded: (B, S), (B,)."""
    real = real_positions(torch.tensor(lengths), max(lengths))
    source = torch.randint(FIRST_TOKEN, vocabulary, real.shape, generator=generator).masked_fill(~real, PADDING)
    source[torch.arange(len(lengths)), torch.tensor(lengths) - 1] = END
    return source, torch.tensor(lengths)


def _parents(sentences: int, beam: int, generator: torch.Generator) -> Tensor:
    """Rows that a search could go on with: any hypotheses, of the same sentence."""
    chosen = torch.randint(beam, (sentences, beam), generator=generator)
    return (torch.arange(sentences)[:, None] * beam + chosen).flatten()


def _difference(actual: Tensor, expected: Tensor) -> float:
    if actual.shape != expected.shape or not (actual.isfinite().all() and expected.isfinite().all()):
        return float("inf")
    largest = max(1.0, float(expected.double().abs().max()))
    return float((actual.double() - expected.double()).abs().max()) / largest
