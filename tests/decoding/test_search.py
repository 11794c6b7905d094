"""Greedy and beam search against exhaustive search, plain loops, and each other."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from tiny_translator import SOURCES, Looping, TinyTranslator, all_outputs, batch, log_probability

from gyebo.decoding import DecodingConfig, beam_search, decode, greedy_search
from gyebo.errors import GyeboError
from gyebo.models.interfaces import BEGIN, END, PADDING

SEEDS = range(6)


def settings(beam: int, limit: int, penalty: float = 1.0) -> DecodingConfig:
    return DecodingConfig(beam=beam, length_ratio=0.0, length_margin=limit, length_penalty=penalty)


def plain_greedy(model: TinyTranslator, source: list[int], limit: int) -> list[int]:
    memory = model.encode(*batch([source]))
    state, tokens = model.start(memory), [BEGIN]
    while tokens[-1] != END and len(tokens) <= limit:
        logits, state = model.step(torch.tensor(tokens[-1:]), state, memory)
        logits[0, [PADDING, BEGIN]] = -torch.inf
        tokens.append(int(logits.argmax()))
    return tokens[1:]


@pytest.mark.parametrize("seed", SEEDS)
def test_greedy_is_the_plain_loop(seed):
    model = TinyTranslator(vocabulary=11, seed=seed)
    found = greedy_search(model, *batch(), settings(1, 9))
    assert [item.tokens for item in found] == [plain_greedy(model, source, 9) for source in SOURCES]
    beams = beam_search(model, *batch(), settings(1, 9))
    assert [item[0].tokens for item in beams] == [item.tokens for item in found]


@pytest.mark.parametrize("penalty", [0.0, 0.6, 1.0])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_wide_beam_is_exhaustive_search(seed, penalty):
    limit, vocabulary = 3, 6
    model = TinyTranslator(vocabulary, seed)
    outputs = all_outputs(vocabulary, limit)
    found = beam_search(model, *batch(), settings(100, limit, penalty))
    for source, hypotheses in zip(SOURCES, found, strict=True):
        scores = {tuple(output): log_probability(model, source, output) / len(output) ** penalty for output in outputs}
        best = sorted(scores, key=lambda output: -scores[output])
        assert [tuple(item.tokens) for item in hypotheses] == best[:100]
        torch.testing.assert_close(
            [item.score for item in hypotheses], [scores[output] for output in best[:100]], rtol=0, atol=1e-5
        )


def plain_beam(model: TinyTranslator, source: list[int], beam: int, limit: int, enough: int) -> list[tuple[list[int], float]]:
    """Sorted lists: the search ends with `enough` finished hypotheses, or at the limit; the best `beam` of them."""
    opened, finished = [([], 0.0)], []
    for length in range(1, limit + 1):
        candidates = [
            ([*tokens, token], log_probability(model, source, [*tokens, token]))
            for tokens, _ in opened
            for token in range(model.output.shape[1])
            if token not in (PADDING, BEGIN)
        ]
        best = sorted(candidates, key=lambda one: -one[1])[: 2 * beam]
        finished += [(tokens, total / length) for tokens, total in best[:beam] if tokens[-1] == END]
        opened = [one for one in best if one[0][-1] != END][:beam]
        if len(finished) >= enough:
            break
    return sorted(finished, key=lambda one: -one[1])[:beam]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("patience", [0.3, 1.0, 2.0])
def test_a_search_ends_when_its_patience_is_used_up(seed, patience):
    model, beam, limit = TinyTranslator(vocabulary=7, seed=seed), 3, 7
    config = replace(settings(beam, limit), patience=patience)
    for source, found in zip(SOURCES, beam_search(model, *batch(), config), strict=True):
        expected = plain_beam(model, source, beam, limit, math.ceil(patience * beam))
        if expected:
            assert [item.tokens for item in found] == [tokens for tokens, _ in expected]
            torch.testing.assert_close([item.score for item in found], [score for _, score in expected], rtol=0, atol=1e-5)


def test_more_patience_takes_more_steps():
    class Counting(Looping):
        steps = 0

        def step(self, tokens, state, memory):
            self.steps += 1
            return super().step(tokens, state, memory)

    def steps(patience: float | None) -> int:
        model = Counting(end=0.3)
        beam_search(model, *batch(), replace(settings(3, 30), patience=patience))
        return model.steps

    assert steps(0.3) < steps(1.0) < steps(None)


def test_what_is_cut_off_never_beats_what_is_finished():
    """A loop that never pays for END has the better mean log-probability, and is no translation all the same."""
    model = Looping(end=0.2)
    [hypotheses] = beam_search(model, *batch([[5, 3]]), settings(3, 6))
    assert [item.tokens for item in hypotheses] == [[4] * count + [END] for count in (5, 4, 3)]
    [unfinished] = beam_search(Looping(end=0.0), *batch([[5, 3]]), settings(3, 6))
    assert unfinished[0].tokens == [4] * 6


@pytest.mark.parametrize("beam", [2, 3, 5])
@pytest.mark.parametrize("seed", SEEDS)
def test_unfinished_hypotheses_stand_alone(seed, beam):
    model = TinyTranslator(vocabulary=11, seed=seed)
    model.output[:, END] -= 2.0
    for hypotheses in beam_search(model, *batch(), settings(beam, 5)):
        assert len({item.tokens[-1] == END for item in hypotheses}) == 1


def test_the_memory_is_copied_only_when_sentences_leave():
    """All hypotheses of a sentence read the same memory, and it is the largest of the tensors."""
    read = []

    class Watched(Looping):
        def step(self, tokens, state, memory):
            read.append(memory)
            return super().step(tokens, state, memory)

    # never ends of itself, so sentences leave at their limits
    beam_search(Watched(end=0.0), *batch(), DecodingConfig(beam=3, length_ratio=1.0, length_margin=2))
    assert len(read) == max(map(len, SOURCES)) + 2
    assert len({id(memory) for memory in read}) == len({len(source) for source in SOURCES})


@pytest.mark.parametrize("beam", [1, 2, 3, 5])
@pytest.mark.parametrize("seed", SEEDS)
def test_scores_are_the_models(seed, beam):
    model = TinyTranslator(vocabulary=11, seed=seed)
    for source, hypotheses in zip(SOURCES, beam_search(model, *batch(), settings(beam, 8)), strict=True):
        assert 1 <= len(hypotheses) <= beam
        assert [item.score for item in hypotheses] == sorted((item.score for item in hypotheses), reverse=True)
        assert len({tuple(item.tokens) for item in hypotheses}) == len(hypotheses)
        for item in hypotheses:
            assert not {PADDING, BEGIN} & set(item.tokens)
            assert END not in item.tokens[:-1]
            assert item.log_probability == pytest.approx(log_probability(model, source, item.tokens), abs=1e-4)
            assert item.score == pytest.approx(item.log_probability / len(item.tokens))


@pytest.mark.parametrize("beam", [1, 4])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_batch_is_its_rows(seed, beam):
    """Sentences end at different steps and leave the batch; the others must not notice."""
    model = TinyTranslator(vocabulary=11, seed=seed)
    together = beam_search(model, *batch(), settings(beam, 12))
    alone = [beam_search(model, *batch([source]), settings(beam, 12))[0] for source in SOURCES]
    backwards = beam_search(model, *batch(SOURCES[::-1]), settings(beam, 12))[::-1]
    for other in (alone, backwards):
        assert [[item.tokens for item in row] for row in together] == [[item.tokens for item in row] for row in other]
        for mine, yours in zip(together, other, strict=True):
            torch.testing.assert_close([item.score for item in mine], [item.score for item in yours])


@pytest.mark.parametrize("beam", [1, 3, 20])
def test_a_beam_wider_than_the_vocabulary(beam):
    model = TinyTranslator(vocabulary=5, seed=3)
    for hypotheses in beam_search(model, *batch(), settings(beam, 4)):
        assert 1 <= len(hypotheses) <= beam
        assert all(torch.tensor(item.score).isfinite() for item in hypotheses)


@pytest.mark.parametrize("beam", [1, 3])
def test_length_limits(beam):
    config = DecodingConfig(beam=beam, length_ratio=1.5, length_margin=2)
    found = beam_search(Looping(end=0.0), *batch(), config)  # never ends of itself
    limits = [int(1.5 * len(source)) + 2 for source in SOURCES]
    assert config.max_lengths(batch()[1]).tolist() == limits
    assert [len(hypotheses[0].tokens) for hypotheses in found] == limits


@pytest.mark.parametrize("beam", [1, 3])
def test_numbers_that_are_none_are_told(beam):
    broken = Looping(end=float("nan"))
    with pytest.raises(GyeboError, match=r"The model's probabilities are no finite numbers.* damaged, or its training diverged"):
        decode(broken, *batch(), settings(beam, 4))


@pytest.mark.parametrize("beam", [1, 3])
def test_alignments(beam):
    model = TinyTranslator(vocabulary=11, seed=2)
    for source, hypotheses in zip(SOURCES, beam_search(model, *batch(), settings(beam, 8)), strict=True):
        for item in hypotheses:
            assert item.alignment.shape == (len(item.tokens), len(source))
            torch.testing.assert_close(item.alignment.sum(1), torch.ones(len(item.tokens)))


def test_alignments_are_those_of_the_hypothesis():
    """Back-pointers must lead to the weights that were computed for this prefix, not for another one in the beam."""
    model = TinyTranslator(vocabulary=11, seed=4)
    source = SOURCES[2]
    for item in beam_search(model, *batch([source]), settings(5, 8))[0]:
        memory = model.encode(*batch([source]))
        state, before = model.start(memory), BEGIN
        for token, weights in zip(item.tokens, item.alignment, strict=True):
            _, state = model.step(torch.tensor([before]), state, memory)
            torch.testing.assert_close(weights, state["alignment"][0])
            before = token
