"""Writing one output for each row, token after token, each chosen as soon as its logits are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from gyebo.decoding.config import DecodingConfig
from gyebo.decoding.hypothesis import Hypothesis
from gyebo.decoding.rows import select_rows, staying_rows
from gyebo.decoding.scoring import coverage_penalty
from gyebo.errors import UsageError
from gyebo.layers.sequence import real_positions
from gyebo.models.interfaces import BEGIN, END, PADDING, State, Translator

__all__ = ["Choose", "check_alignment", "roll_out"]

Choose: TypeAlias = Callable[[Tensor, Tensor, int], tuple[Tensor, Tensor]]
"""(logits (rows, V), the numbers of these rows (rows,), position) -> the tokens to write (rows,), and their log p (rows,)"""


def check_alignment(config: DecodingConfig, state: State) -> None:
    """Raises UsageError where a coverage penalty is asked of a model that does not align."""
    if config.coverage_penalty and "alignment" not in state:
        raise UsageError(
            f"coverage_penalty={config.coverage_penalty:g} judges how much of the source a translation has attended to, and this model"
            " keeps no alignment. Set it to 0."
        )


def roll_out(
    model: Translator, memory: State, source_lengths: Tensor, config: DecodingConfig, limits: Tensor, choose: Choose
) -> list[Hypothesis]:
    """One output for each row of the memory, in their order; a row ends with END, or with `limits` (rows,) tokens."""
    state = model.start(memory)
    check_alignment(config, state)
    rows, device = len(source_lengths), source_lengths.device
    alive, going = torch.arange(rows, device=device), torch.ones(rows, dtype=torch.bool, device=device)
    tokens = torch.full((rows,), BEGIN, device=device)
    written = _Written(rows, device)
    while True:
        logits, state = model.step(tokens, state, memory)
        tokens, log_probabilities = choose(logits, alive, len(written))
        written.add(alive, going, tokens, log_probabilities, state.get("alignment"))
        going = going & (tokens != END) & (limits[alive] > len(written))
        staying = staying_rows(going)
        if staying is not None:
            if not len(staying):
                return written.hypotheses(source_lengths, config)
            alive, going, tokens = alive[staying], going[staying], tokens[staying]
            state, memory = select_rows(state, staying), select_rows(memory, staying)


@dataclass
class _Step:
    """What a step wrote: row numbers, tokens, log p (rows,) and alignments (rows, S) of the rows that were still going."""

    rows: Tensor
    tokens: Tensor
    log_probabilities: Tensor
    alignment: Tensor | None


class _Written:
    """All that was written, step by step."""

    def __init__(self, rows: int, device: torch.device) -> None:
        self.rows, self.device = rows, device
        self.steps: list[_Step] = []

    def __len__(self) -> int:
        return len(self.steps)

    def add(self, alive: Tensor, going: Tensor, tokens: Tensor, log_probabilities: Tensor, alignment: Tensor | None) -> None:
        if not going.all():
            alive, tokens, log_probabilities = alive[going], tokens[going], log_probabilities[going]
            alignment = None if alignment is None else alignment[going]
        self.steps.append(_Step(alive, tokens, log_probabilities, alignment))

    def hypotheses(self, source_lengths: Tensor, config: DecodingConfig) -> list[Hypothesis]:
        tokens = torch.full((self.rows, len(self)), PADDING, device=self.device)
        log_probabilities = torch.zeros((self.rows, len(self)), dtype=torch.float64, device=self.device)
        lengths = torch.zeros(self.rows, dtype=torch.long, device=self.device)
        for position, step in enumerate(self.steps):
            tokens[step.rows, position] = step.tokens
            log_probabilities[step.rows, position] = step.log_probabilities.double()
            lengths[step.rows] = position + 1
        alignments = self._alignments(int(source_lengths.max()))
        totals = log_probabilities.sum(1)
        scores = totals / config.normalizer(lengths)
        if config.coverage_penalty and alignments is not None:
            real = real_positions(source_lengths, alignments.shape[-1])
            scores = scores + coverage_penalty(alignments.sum(1), real, config.coverage_penalty)
        cut = zip(lengths.tolist(), source_lengths.tolist(), strict=True)
        return [
            Hypothesis(numbers[:length], total, score, None if alignments is None else alignments[row, :length, :size])
            for row, (numbers, total, score, (length, size)) in enumerate(
                zip(tokens.tolist(), totals.tolist(), scores.tolist(), cut, strict=True)
            )
        ]

    def _alignments(self, source_size: int) -> Tensor | None:
        """(rows, T, S), 0 behind the end of a row; None for models that do not align."""
        weights = [step.alignment for step in self.steps]
        if weights[0] is None:
            return None
        table = weights[0].new_zeros(self.rows, len(self), source_size)
        for position, step in enumerate(self.steps):
            assert step.alignment is not None
            table[step.rows, position] = step.alignment[:, :source_size]
        return table
