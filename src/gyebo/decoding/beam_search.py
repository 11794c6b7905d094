"""Beam search: the best few hypotheses of every length, compared by length-normalised log-probability."""

from __future__ import annotations

import torch
from torch import Tensor

from gyebo.decoding.greedy import greedy_search
from gyebo.decoding.hypothesis import DecodingConfig, Hypothesis, repeat_rows, select_rows
from gyebo.models.interfaces import BEGIN, END, PADDING, Translator

__all__ = ["beam_search"]


@torch.inference_mode()
def beam_search(model: Translator, source: Tensor, source_lengths: Tensor, config: DecodingConfig) -> list[list[Hypothesis]]:
    """The finished hypotheses of each source row (B, S), best first, at most `config.beam` of them.

    A finished hypothesis leaves the beam and is kept aside; the beam itself always holds `beam` open ones. A sentence is done when
    `beam` hypotheses are finished and no open one can still beat the worst of them (its score can only fall while length
    normalisation is bounded by the longest length allowed), or when the length limit is reached. Open hypotheses have not paid for
    END, so they are no match for finished ones: they are returned, as they stand, only where the limit came before the end of any.
    A beam of 1 is greedy search.
    """
    if config.beam == 1:
        return [[hypothesis] for hypothesis in greedy_search(model, source, source_lengths, config)]
    memory = model.encode(source, source_lengths)
    searches = [
        _Sentence(config, int(limit), int(size))
        for limit, size in zip(config.max_lengths(source_lengths), source_lengths, strict=True)
    ]
    device, beam = source.device, config.beam
    state = repeat_rows(model.start(memory), beam)
    memory = repeat_rows(memory, beam)
    alive = list(range(len(source)))
    tokens = torch.full((len(source) * beam,), BEGIN, device=device)
    # at first all hypotheses of a sentence are the same empty one: only one of them may be continued
    totals = torch.full((len(source), beam), -torch.inf, device=device)
    totals[:, 0] = 0.0
    while alive:
        logits, state = model.step(tokens, state, memory)
        log_probabilities = logits.float().log_softmax(-1)
        log_probabilities[:, [PADDING, BEGIN]] = -torch.inf
        vocabulary = log_probabilities.shape[-1]
        continued = (totals.view(-1, 1) + log_probabilities).view(len(alive), -1)  # (sentences, beam * V)
        # twice the beam: at most `beam` of them end, so `beam` open ones are always left
        best, places = continued.topk(min(2 * beam, continued.shape[1]), dim=-1)
        alignments = state.get("alignment")
        chosen: list[int] = []
        staying: list[int] = []  # positions in `alive`
        tables = zip(best.tolist(), places.tolist(), strict=True)
        for index, (sentence, (scores, candidates)) in enumerate(zip(alive, tables, strict=True)):
            search = searches[sentence]
            search.advance(scores, [(place // vocabulary, place % vocabulary) for place in candidates], alignments, index * beam)
            if not search.done:
                staying.append(index)
                chosen += [index * beam + parent for parent in search.parents]
        if not staying:
            break
        state = select_rows(state, torch.tensor(chosen, device=device))
        if len(staying) < len(alive):  # the hypotheses of a sentence share its memory, so only a sentence that leaves changes it
            rows = [index * beam + hypothesis for index in staying for hypothesis in range(beam)]
            memory = select_rows(memory, torch.tensor(rows, device=device))
            alive = [alive[index] for index in staying]
        tokens = torch.tensor([token for sentence in alive for token in searches[sentence].last_tokens], device=device)
        totals = torch.tensor([searches[sentence].totals for sentence in alive], device=device)
    return [search.best() for search in searches]


class _Sentence:
    """The search for one sentence: open hypotheses as back-pointers, and the finished ones."""

    def __init__(self, config: DecodingConfig, limit: int, source_length: int) -> None:
        self.config, self.limit, self.source_length = config, limit, source_length
        self.open: list[tuple[list[int], list[Tensor]]] = [([], [])] * config.beam  # tokens, and an alignment (S,) each
        self.totals: list[float] = []
        self.parents: list[int] = []
        self.finished: list[Hypothesis] = []
        self.done = False

    @property
    def last_tokens(self) -> list[int]:
        return [tokens[-1] for tokens, _ in self.open]

    def advance(self, scores: list[float], candidates: list[tuple[int, int]], alignments: Tensor | None, first_row: int) -> None:
        """Take one step: candidates are (parent, token), best first, with summed log-probabilities `scores`.

        alignments: the weights of this step for all open hypotheses of all sentences; this sentence's begin at `first_row`.
        """
        following, totals, parents = [], [], []
        for rank, (total, (parent, token)) in enumerate(zip(scores, candidates, strict=True)):
            if total == -torch.inf:
                break
            tokens, alignment = self.open[parent]
            tokens = [*tokens, token]
            if alignments is not None:
                alignment = [*alignment, alignments[first_row + parent, : self.source_length]]
            if token == END:
                if rank < self.config.beam:
                    self._finish(tokens, total, alignment)
            elif len(following) < self.config.beam:
                following.append((tokens, alignment))
                totals.append(total)
                parents.append(parent)
        if not following or len(following[0][0]) >= self.limit:
            if not self.finished:
                for (tokens, alignment), total in zip(following, totals, strict=True):
                    self._finish(tokens, total, alignment)
            self.done = True
            return
        while len(following) < self.config.beam:  # a vocabulary smaller than the beam: fill up with a dead copy
            following.append(following[0])
            totals.append(-torch.inf)
            parents.append(parents[0])
        self.open, self.totals, self.parents = following, totals, parents
        self.done = len(self.finished) >= self.config.beam and self._bound(totals[0]) <= self._worst_kept()

    def _finish(self, tokens: list[int], total: float, alignment: list[Tensor]) -> None:
        score = total / len(tokens) ** self.config.length_penalty
        self.finished.append(Hypothesis(tokens, total, score, torch.stack(alignment) if alignment else None))

    def _bound(self, total: float) -> float:
        """The best score that an open hypothesis can still reach: log-probabilities only fall, lengths only grow."""
        return total / self.limit**self.config.length_penalty if self.config.length_penalty > 0 else total

    def _worst_kept(self) -> float:
        return sorted((hypothesis.score for hypothesis in self.finished), reverse=True)[self.config.beam - 1]

    def best(self) -> list[Hypothesis]:
        return sorted(self.finished, key=lambda hypothesis: -hypothesis.score)[: self.config.beam]
