"""Beam search: the best few hypotheses of every length, compared by normalised log-probability."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gyebo.decoding.config import DecodingConfig
from gyebo.decoding.greedy import greedy_search
from gyebo.decoding.hypothesis import Hypothesis
from gyebo.decoding.roll_out import check_alignment
from gyebo.decoding.rows import repeat_rows, select_rows, staying_rows
from gyebo.decoding.scoring import coverage_penalty, most_likely
from gyebo.layers.sequence import real_positions
from gyebo.models.interfaces import BEGIN, END, PADDING, Translator

__all__ = ["beam_search"]


@torch.inference_mode()
def beam_search(
    model: Translator, source: Tensor, source_lengths: Tensor, config: DecodingConfig, limit: int | None = None
) -> list[list[Hypothesis]]:
    """The finished hypotheses of each source row (B, S), best first, at most `config.beam` of them.

    A finished hypothesis leaves the beam and is kept aside; the beam itself always holds `beam` open ones. A sentence is done when
    `beam` hypotheses are finished and no open one can still beat the worst of them (its score can only fall while length
    normalisation is bounded by the longest length allowed), or when the length limit is reached, or, with a `patience`, as soon as
    beam * patience hypotheses are finished (Kasai et al. 2022, arXiv 2204.05424, algorithm 1). Open hypotheses have not paid for
    END, so they are no match for finished ones: they are returned, as they stand, only where the limit came before the end of any.
    Open hypotheses have the same length and are compared by log p; the coverage penalty judges finished ones.
    A beam of 1 is greedy search. limit: the most tokens that the model can write, where it has a limit of its own.
    Raises UsageError for a coverage penalty where the model does not align.
    """
    if config.beam == 1:
        return [[hypothesis] for hypothesis in greedy_search(model, source, source_lengths, config, limit)]
    memory = model.encode(source, source_lengths)
    state = model.start(memory)
    check_alignment(config, state)
    state = repeat_rows(state, config.beam)
    search = _Search(config, source_lengths, config.max_lengths(source_lengths, limit))
    tokens = torch.full((len(source) * config.beam,), BEGIN, device=source.device)
    while True:
        logits, state = model.step(tokens, state, memory)
        done = search.advance(logits, state.get("alignment"))
        staying = staying_rows((~done).tolist())
        if staying is not None:
            if not staying:
                return search.hypotheses()
            # the hypotheses of a sentence share its row, so reordering leaves it alone
            memory = select_rows(memory, torch.tensor(staying, device=source.device))
        rows = search.keep(staying)
        state, tokens = select_rows(state, rows), torch.from_numpy(search.tokens.flatten()).to(source.device)


Numbers: TypeAlias = npt.NDArray[np.float64]
Places: TypeAlias = npt.NDArray[np.int64]


@dataclass
class _Step:
    """What a step did to the beams of the sentences that were in the batch: back-pointers and tokens (sentences, beam)."""

    sentences: Places
    parents: Places
    tokens: Places
    alignment: Tensor | None
    """(sentences, beam, S), of the hypotheses before the step"""


class _Search:
    """The beams of all sentences of the batch, as NumPy arrays: they are small, and what is small is sooner done there.

    Letters: B sentences in the beginning, A sentences that are still in the batch, `beam` hypotheses of each.
    """

    def __init__(self, config: DecodingConfig, source_lengths: Tensor, limits: Tensor) -> None:
        sentences, beam = len(limits), config.beam
        self.config, self.source_lengths, self.limits = config, source_lengths, limits.cpu().numpy()
        # the greatest that a length can divide by: both kinds of normalisation rise or fall with the length all along
        ends = torch.stack([torch.ones_like(limits), limits])
        self.greatest = config.normalizer(ends).amax(0).cpu().numpy()  # (B,)
        self.finished = _Finished(sentences, beam)
        self.enough = None if config.patience is None else math.ceil(beam * config.patience)
        self.ended = np.zeros(sentences, np.int64)
        """how many hypotheses have ended, those that were too bad to be kept included"""
        self.steps: list[_Step] = []
        self.sentences = np.arange(sentences)  # (A,)
        # at first all hypotheses of a sentence are the same empty one: only one of them may be continued
        self.totals = np.full((sentences, beam), -np.inf)
        self.totals[:, 0] = 0.0
        self.parents = self.tokens = np.empty((sentences, beam), np.int64)  # (A, beam)
        self.coverage: Tensor | None = None  # (A, beam, S)

    def advance(self, logits: Tensor, alignment: Tensor | None) -> npt.NDArray[np.bool_]:
        """One token further: logits (A * beam, V), alignment (A * beam, S) -> which sentences are done, (A,)."""
        beam, length = self.config.beam, len(self.steps) + 1
        sentences = len(self.sentences)
        likely = most_likely(logits, 2 * beam, self.config.forbidden)
        log_probabilities, words = (part.cpu().numpy() for part in likely)  # (A * beam, C)
        continued = (self.totals.reshape(-1, 1) + log_probabilities).reshape(sentences, -1)  # (A, beam * C)
        # twice the beam: at most `beam` of them end, so `beam` open ones are always left
        best, places = _largest(continued, 2 * beam)
        parents, words = places // log_probabilities.shape[1], _gather(words.reshape(sentences, -1), places)
        ends = words == END
        alignment = None if alignment is None else alignment.unflatten(0, (sentences, beam))
        penalties = self._penalties(alignment)

        finishing = np.where(ends, best, -np.inf)[:, :beam]  # worse ones are not in the beam
        self._finish(length, finishing, penalties, parents[:, :beam], words[:, :beam])
        self.ended[self.sentences] += (finishing > -np.inf).sum(1)

        self.totals, order = _largest(np.where(ends, -np.inf, best), beam)
        self.parents, self.tokens = _gather(parents, order), _gather(words, order)
        self.steps.append(_Step(self.sentences, self.parents, self.tokens, alignment))

        cut_off = (self.limits[self.sentences] <= length) | (self.totals[:, 0] == -np.inf)
        if cut_off.any():
            none_finished = self.finished.scores[self.sentences, 0] == -np.inf
            left = np.where((cut_off & none_finished)[:, None], self.totals, -np.inf)
            self._finish(length, left, penalties, self.parents, self.tokens)

        bound = self.totals[:, 0] / self.greatest[self.sentences]
        worst_kept = self.finished.scores[self.sentences, -1]
        done = cut_off | ((worst_kept > -np.inf) & (bound <= worst_kept))
        if self.enough is not None:
            done = done | (self.ended[self.sentences] >= self.enough)
        self.totals[done] = -np.inf  # nothing more comes of a sentence that is done
        return done

    def keep(self, staying: list[int] | None) -> Tensor:
        """Leave the other sentences out; returns the rows of the state that go on, (sentences that stay * beam,)."""
        beam = self.config.beam
        rows = np.arange(0, self.parents.size, beam)[:, None] + self.parents
        if staying is not None:
            self.sentences, self.totals, self.tokens = self.sentences[staying], self.totals[staying], self.tokens[staying]
            rows = rows[staying]
        chosen = torch.from_numpy(rows.flatten()).to(self.source_lengths.device)
        if self.coverage is not None:
            self.coverage = self.coverage.flatten(0, 1).index_select(0, chosen).unflatten(0, (-1, beam))
        return chosen

    def hypotheses(self) -> list[list[Hypothesis]]:
        """What is finished, best first."""
        return self.finished.hypotheses(self.steps, self.source_lengths)

    def _finish(self, length: int, totals: Numbers, penalties: Numbers | None, parents: Places, words: Places) -> None:
        """Keep hypotheses of `length` tokens aside; those with totals of -inf are none.  (A, n) each, penalties (A, beam)."""
        if not (totals > -np.inf).any():
            return
        scores = totals / float(self.config.normalizer(torch.tensor(length)))
        if penalties is not None:
            scores = scores + _gather(penalties, parents)
        self.finished.add(length, self.sentences, scores, totals, parents, words)

    def _penalties(self, alignment: Tensor | None) -> Numbers | None:
        """The coverage penalties of the hypotheses before this step, their attention of this step counted: (A, beam)."""
        beta = self.config.coverage_penalty
        if not beta or alignment is None:
            return None
        self.coverage = alignment if self.coverage is None else self.coverage + alignment
        lengths = self.source_lengths[torch.from_numpy(self.sentences).to(self.source_lengths.device)]
        real = real_positions(lengths, alignment.shape[-1]).unsqueeze(1)
        return coverage_penalty(self.coverage, real, beta).cpu().numpy()


class _Finished:
    """The best finished hypotheses of each sentence, best first: (B, beam) each; where there are fewer, their score is -inf."""

    def __init__(self, sentences: int, beam: int) -> None:
        self.scores = np.full((sentences, beam), -np.inf)
        self.totals = self.scores.copy()
        self.lengths = np.zeros((sentences, beam), np.int64)
        self.parents = self.lengths.copy()
        """the place in the beam of all but the last token"""
        self.words = self.lengths.copy()
        """the last token"""

    def add(self, length: int, sentences: Places, scores: Numbers, totals: Numbers, parents: Places, words: Places) -> None:
        """Hypotheses of `length` tokens, (A, n) each, of these sentences (A,); those with a score of -inf are none."""
        self.scores[sentences], order = _largest(np.concatenate([self.scores[sentences], scores], 1), self.scores.shape[1])
        for mine, new in (
            (self.totals, totals),
            (self.lengths, np.full_like(parents, length)),
            (self.parents, parents),
            (self.words, words),
        ):
            mine[sentences] = _gather(np.concatenate([mine[sentences], new], 1), order)

    def hypotheses(self, steps: list[_Step], source_lengths: Tensor) -> list[list[Hypothesis]]:
        """Follow the back-pointers from the last token to the first, for all hypotheses at once."""
        time, (sentences, beam) = len(steps), self.scores.shape
        written = np.full((time, sentences, beam), PADDING)
        first = steps[0].alignment
        weights = None if first is None else first.new_zeros(time, sentences, beam, first.shape[-1])
        places = self.parents.copy()
        for position in reversed(range(time)):
            step = steps[position]
            rows = step.sentences
            here, lengths = places[rows], self.lengths[rows]
            earlier = lengths > position + 1
            words = np.where(earlier, _gather(step.tokens, here), self.words[rows])
            written[position, rows] = np.where(lengths > position, words, PADDING)
            here = np.where(earlier, _gather(step.parents, here), here)
            places[rows] = here
            if weights is not None and step.alignment is not None:
                chosen = torch.from_numpy(here).to(weights.device).unsqueeze(-1).expand(-1, -1, step.alignment.shape[-1])
                weights[position, torch.from_numpy(rows), :, : step.alignment.shape[-1]] = step.alignment.gather(1, chosen)
        return [
            [
                Hypothesis(
                    tokens[:length], total, score, None if weights is None else weights[:length, sentence, place, :source_length]
                )
                for place, (tokens, length, total, score) in enumerate(zip(*columns, strict=True))
                if score > -np.inf
            ]
            for sentence, (source_length, *columns) in enumerate(
                zip(
                    source_lengths.tolist(),
                    written.transpose(1, 2, 0).tolist(),
                    self.lengths.tolist(),
                    self.totals.tolist(),
                    self.scores.tolist(),
                    strict=True,
                )
            )
        ]


def _gather(table: npt.NDArray[Any], places: Places) -> npt.NDArray[Any]:
    """From each row of a table what stands at its places: (A, n), (A, m) -> (A, m)."""
    return table[np.arange(len(table))[:, None], places]


def _largest(numbers: Numbers, count: int) -> tuple[Numbers, Places]:
    """The `count` largest of each row, largest first, and their places; of equal ones the first.  (A, n) -> (A, count)."""
    places = np.argsort(-numbers, 1, kind="stable")[:, :count]
    return _gather(numbers, places), places
