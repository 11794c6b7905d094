"""Writing one output for each row, token after token, each chosen as soon as its logits are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import torch
from torch import Tensor

from gyebo.decoding.config import DecodingConfig
from gyebo.decoding.hypothesis import Hypothesis
from gyebo.decoding.rows import select_rows, staying_rows
from gyebo.decoding.scoring import coverage_penalty
from gyebo.errors import UsageError
from gyebo.layers.sequence import real_positions
from gyebo.models.interfaces import BEGIN, END, State, Translator

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
    device = source_lengths.device
    outputs = [_Output(limit) for limit in limits.tolist()]
    rows = torch.arange(len(outputs), device=device)  # the outputs that the rows of the state belong to
    alive, alignments = outputs, []
    tokens = torch.full((len(outputs),), BEGIN, device=device)
    while True:
        logits, state = model.step(tokens, state, memory)
        tokens, log_probabilities = choose(logits, rows, len(alignments))
        alignments.append((rows, state.get("alignment")))
        for output, token, log_probability in zip(alive, tokens.tolist(), log_probabilities.tolist(), strict=True):
            output.write(token, log_probability)
        staying = staying_rows([output.is_open for output in alive])
        if staying is not None:
            if not staying:
                return _hypotheses(outputs, alignments, source_lengths, config)
            alive, places = [alive[place] for place in staying], torch.tensor(staying, device=device)
            rows, tokens = rows[places], tokens[places]
            state, memory = select_rows(state, places), select_rows(memory, places)


@dataclass
class _Output:
    """What is written in a row; nothing more once it is done, while the row waits for the others to leave the batch."""

    limit: int
    tokens: list[int] = field(default_factory=list)
    log_probability: float = 0.0
    is_open: bool = True

    def write(self, token: int, log_probability: float) -> None:
        if self.is_open:
            self.tokens.append(token)
            self.log_probability += log_probability
            self.is_open = token != END and len(self.tokens) < self.limit


def _hypotheses(
    outputs: Sequence[_Output], alignments: Sequence[tuple[Tensor, Tensor | None]], source_lengths: Tensor, config: DecodingConfig
) -> list[Hypothesis]:
    """alignments: for each step, the numbers of its rows (rows,) and their attention (rows, S), or None for models that do not align."""
    lengths = torch.tensor([len(output.tokens) for output in outputs], device=source_lengths.device)
    totals = torch.tensor([output.log_probability for output in outputs], dtype=torch.float64, device=source_lengths.device)
    scores = totals / config.normalizer(lengths)
    table = _table(alignments, lengths, int(source_lengths.max()))
    if config.coverage_penalty and table is not None:
        real = real_positions(source_lengths, table.shape[-1])
        scores = scores + coverage_penalty(table.sum(1), real, config.coverage_penalty)
    return [
        Hypothesis(
            output.tokens,
            output.log_probability,
            score,
            None if table is None else table[row, : len(output.tokens), :source_length],
        )
        for row, (output, score, source_length) in enumerate(zip(outputs, scores.tolist(), source_lengths.tolist(), strict=True))
    ]


def _table(alignments: Sequence[tuple[Tensor, Tensor | None]], lengths: Tensor, source_size: int) -> Tensor | None:
    """The attention of every output, (outputs, T, S), 0 behind its end; None for models that do not align."""
    first = alignments[0][1]
    if first is None:
        return None
    table = first.new_zeros(len(lengths), len(alignments), source_size)
    for position, (rows, weights) in enumerate(alignments):
        assert weights is not None
        table[rows, position] = weights[:, :source_size]
    return table.masked_fill_(~real_positions(lengths, len(alignments)).unsqueeze(-1), 0.0)
