"""Beam search: the best few hypotheses of every length, compared by normalised log-probability."""

from __future__ import annotations

import math
from dataclasses import dataclass

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
        places = staying_rows((~done).tolist())
        staying = None if places is None else torch.tensor(places, dtype=torch.long, device=done.device)
        if staying is not None:
            if not len(staying):
                return search.hypotheses()
            memory = select_rows(memory, staying)  # the hypotheses of a sentence share its row, so reordering leaves it alone
        rows = search.keep(staying)
        state, tokens = select_rows(state, rows), search.tokens.flatten()


@dataclass
class _Step:
    """What a step did to the beams of the sentences that were in the batch: back-pointers and tokens (sentences, beam)."""

    sentences: Tensor
    parents: Tensor
    tokens: Tensor
    alignment: Tensor | None
    """(sentences, beam, S), of the hypotheses before the step"""


class _Search:
    """The beams of all sentences of the batch, as tensors.

    Letters: B sentences in the beginning, A sentences that are still in the batch, `beam` hypotheses of each.
    """

    def __init__(self, config: DecodingConfig, source_lengths: Tensor, limits: Tensor) -> None:
        sentences, beam, device = len(limits), config.beam, limits.device
        self.config, self.source_lengths, self.limits = config, source_lengths, limits
        # the greatest that a length can divide by: both kinds of normalisation rise or fall with the length all along
        ends = torch.stack([torch.ones_like(limits), limits])
        self.greatest = config.normalizer(ends).amax(0)  # (B,)
        self.finished = _Finished(sentences, beam, device)
        self.enough = None if config.patience is None else math.ceil(beam * config.patience)
        self.ended = torch.zeros(sentences, dtype=torch.long, device=device)
        """how many hypotheses have ended, those that were too bad to be kept included"""
        self.steps: list[_Step] = []
        self.sentences = torch.arange(sentences, device=device)  # (A,)
        # at first all hypotheses of a sentence are the same empty one: only one of them may be continued
        self.totals = torch.full((sentences, beam), -torch.inf, dtype=torch.float64, device=device)
        self.totals[:, 0] = 0.0
        self.parents = self.tokens = torch.empty(0)  # (A, beam)
        self.coverage: Tensor | None = None  # (A, beam, S)

    def advance(self, logits: Tensor, alignment: Tensor | None) -> Tensor:
        """One token further: logits (A * beam, V), alignment (A * beam, S) -> which sentences are done, (A,)."""
        beam, length = self.config.beam, len(self.steps) + 1
        sentences = len(self.sentences)
        log_probabilities, words = most_likely(logits, 2 * beam, self.config.forbidden)  # (A * beam, C)
        continued = (self.totals.view(-1, 1) + log_probabilities).view(sentences, -1)  # (A, beam * C)
        # twice the beam: at most `beam` of them end, so `beam` open ones are always left
        best, places = continued.topk(2 * beam, -1)
        parents, words = places // log_probabilities.shape[1], words.view(sentences, -1).gather(1, places)
        ends = words == END
        alignment = None if alignment is None else alignment.unflatten(0, (sentences, beam))
        penalties = self._penalties(alignment)

        finishing = best.masked_fill(~ends, -torch.inf)[:, :beam]  # worse ones are not in the beam
        self._finish(length, finishing, penalties, parents[:, :beam], words[:, :beam])
        self.ended[self.sentences] += (finishing > -torch.inf).sum(1)

        self.totals, order = best.masked_fill(ends, -torch.inf).topk(beam, -1)
        self.parents, self.tokens = parents.gather(1, order), words.gather(1, order)
        self.steps.append(_Step(self.sentences, self.parents, self.tokens, alignment))

        cut_off = (self.limits[self.sentences] <= length) | (self.totals[:, 0] == -torch.inf)
        none_finished = self.finished.scores[self.sentences, :1] == -torch.inf  # (A, 1)
        left = self.totals.masked_fill(~(cut_off.unsqueeze(1) & none_finished), -torch.inf)
        if bool((left > -torch.inf).any()):
            self._finish(length, left, penalties, self.parents, self.tokens)

        bound = self.totals[:, 0] / self.greatest[self.sentences]
        worst_kept = self.finished.scores[self.sentences, -1]
        done = cut_off | ((worst_kept > -torch.inf) & (bound <= worst_kept))
        if self.enough is not None:
            done = done | (self.ended[self.sentences] >= self.enough)
        self.totals = self.totals.masked_fill(done.unsqueeze(1), -torch.inf)  # nothing more comes of a sentence that is done
        return done

    def keep(self, staying: Tensor | None) -> Tensor:
        """Leave the other sentences out; returns the rows of the state that go on, (sentences that stay * beam,)."""
        beam = self.config.beam
        first = torch.arange(len(self.sentences), device=self.totals.device).unsqueeze(1) * beam
        rows = first + self.parents
        if staying is not None:
            self.sentences, self.totals, self.tokens = self.sentences[staying], self.totals[staying], self.tokens[staying]
            rows = rows[staying]
        if self.coverage is not None:
            self.coverage = self.coverage.flatten(0, 1).index_select(0, rows.flatten()).unflatten(0, (-1, beam))
        return rows.flatten()

    def hypotheses(self) -> list[list[Hypothesis]]:
        """What is finished, best first."""
        return self.finished.hypotheses(self.steps, self.source_lengths)

    def _finish(self, length: int, totals: Tensor, penalties: Tensor | None, parents: Tensor, words: Tensor) -> None:
        """Keep hypotheses of `length` tokens aside; those with totals of -inf are none.  (A, n) each, penalties (A, beam)."""
        scores = totals / self.config.normalizer(torch.tensor(length, device=totals.device))
        if penalties is not None:
            scores = scores + penalties.gather(1, parents)
        self.finished.add(length, self.sentences, scores, totals, parents, words)

    def _penalties(self, alignment: Tensor | None) -> Tensor | None:
        """The coverage penalties of the hypotheses before this step, their attention of this step counted: (A, beam)."""
        beta = self.config.coverage_penalty
        if not beta or alignment is None:
            return None
        self.coverage = alignment if self.coverage is None else self.coverage + alignment
        real = real_positions(self.source_lengths[self.sentences], alignment.shape[-1]).unsqueeze(1)
        return coverage_penalty(self.coverage, real, beta)


class _Finished:
    """The best finished hypotheses of each sentence, best first: (B, beam) each; where there are fewer, their score is -inf."""

    def __init__(self, sentences: int, beam: int, device: torch.device) -> None:
        self.scores = torch.full((sentences, beam), -torch.inf, dtype=torch.float64, device=device)
        self.totals = self.scores.clone()
        self.lengths = torch.zeros((sentences, beam), dtype=torch.long, device=device)
        self.parents = self.lengths.clone()
        """the place in the beam of all but the last token"""
        self.words = self.lengths.clone()
        """the last token"""

    def add(self, length: int, sentences: Tensor, scores: Tensor, totals: Tensor, parents: Tensor, words: Tensor) -> None:
        """Hypotheses of `length` tokens, (A, n) each, of these sentences (A,); those with a score of -inf are none."""
        beam = self.scores.shape[1]
        kept, order = torch.cat([self.scores[sentences], scores], 1).topk(beam, -1)
        self.scores[sentences] = kept
        for mine, new in (
            (self.totals, totals),
            (self.lengths, torch.full_like(parents, length)),
            (self.parents, parents),
            (self.words, words),
        ):
            mine[sentences] = torch.cat([mine[sentences], new], 1).gather(1, order)

    def hypotheses(self, steps: list[_Step], source_lengths: Tensor) -> list[list[Hypothesis]]:
        """Follow the back-pointers from the last token to the first, for all hypotheses at once."""
        time, (sentences, beam) = len(steps), self.scores.shape
        written = torch.full((time, sentences, beam), PADDING, device=self.scores.device)
        first = steps[0].alignment
        weights = None if first is None else first.new_zeros(time, sentences, beam, first.shape[-1])
        places = self.parents.clone()
        for position in reversed(range(time)):
            step = steps[position]
            rows = step.sentences
            here, lengths = places[rows], self.lengths[rows]
            earlier = lengths > position + 1
            words = torch.where(earlier, step.tokens.gather(1, here), self.words[rows])
            written[position, rows] = torch.where(lengths > position, words, PADDING)
            here = torch.where(earlier, step.parents.gather(1, here), here)
            places[rows] = here
            if weights is not None and step.alignment is not None:
                weights[position, rows, :, : step.alignment.shape[-1]] = step.alignment.gather(
                    1, here.unsqueeze(-1).expand(-1, -1, step.alignment.shape[-1])
                )
        return [
            [
                Hypothesis(
                    tokens[:length], total, score, None if weights is None else weights[:length, sentence, place, :source_length]
                )
                for place, (tokens, length, total, score) in enumerate(zip(*columns, strict=True))
                if score > -torch.inf
            ]
            for sentence, (source_length, *columns) in enumerate(
                zip(
                    source_lengths.tolist(),
                    written.permute(1, 2, 0).tolist(),
                    self.lengths.tolist(),
                    self.totals.tolist(),
                    self.scores.tolist(),
                    strict=True,
                )
            )
        ]
