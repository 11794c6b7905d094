"""Length normalisation and coverage in the beam, against every output that there is."""

from __future__ import annotations

import math

import pytest
import torch
from tiny_translator import SOURCES, Looping, TinyTranslator, all_outputs, batch, log_probability

from gyebo.decoding import DecodingConfig, beam_search, greedy_search, sample
from gyebo.decoding.config import SamplingConfig
from gyebo.errors import UsageError
from gyebo.models.interfaces import BEGIN, UNKNOWN


def coverage(model: TinyTranslator, source: list[int], tokens: list[int]) -> torch.Tensor:
    memory = model.encode(*batch([source]))
    state, before, total = model.start(memory), BEGIN, torch.zeros(len(source))
    for token in tokens:
        _, state = model.step(torch.tensor([before]), state, memory)
        total, before = total + state["alignment"][0], token
    return total


@pytest.mark.parametrize(("beta", "alpha"), [(0.0, 0.6), (0.2, 0.6), (2.0, 0.0), (0.5, -0.4)])
def test_a_wide_beam_finds_the_best_of_equation_14(beta, alpha):
    limit, vocabulary = 3, 6
    model = TinyTranslator(vocabulary, seed=1)
    config = DecodingConfig(
        beam=100,
        length_ratio=0.0,
        length_margin=limit,
        length_normalization="gnmt",
        length_penalty=alpha,
        coverage_penalty=beta,
    )
    for source, hypotheses in zip(SOURCES, beam_search(model, *batch(), config), strict=True):
        scores = {}
        for output in all_outputs(vocabulary, limit):
            length_penalty = (5 + len(output)) ** alpha / (5 + 1) ** alpha
            covered = sum(math.log(min(value, 1.0)) for value in coverage(model, source, output).tolist())
            scores[tuple(output)] = log_probability(model, source, output) / length_penalty + beta * covered
        best = sorted(scores, key=lambda output: -scores[output])
        assert [tuple(item.tokens) for item in hypotheses] == best[:100]
        assert [item.score for item in hypotheses] == pytest.approx([scores[output] for output in best[:100]], abs=1e-5)


def test_coverage_counts_in_greedy_scores_too():
    model = TinyTranslator(vocabulary=11, seed=1)
    config = DecodingConfig(beam=1, length_ratio=0.0, length_margin=6, coverage_penalty=0.5)
    for source, item in zip(SOURCES, greedy_search(model, *batch(), config), strict=True):
        covered = sum(math.log(min(value, 1.0)) for value in coverage(model, source, item.tokens).tolist())
        assert item.score == pytest.approx(item.log_probability / len(item.tokens) + 0.5 * covered, abs=1e-5)


class Blind(TinyTranslator):
    """Keeps no alignment."""

    def start(self, memory):
        return {"hidden": super().start(memory)["hidden"]}

    def step(self, tokens, state, memory):
        logits, state = super().step(tokens, state, memory)
        return logits, {"hidden": state["hidden"]}


@pytest.mark.parametrize("search", [greedy_search, beam_search, sample])
def test_a_model_that_does_not_align_has_no_coverage(search):
    model = Blind(vocabulary=11, seed=0)
    sampling = SamplingConfig(samples=2)
    with pytest.raises(UsageError, match=r"coverage_penalty=0\.2 judges .* this model keeps no alignment. Set it to 0\."):
        search(model, *batch(), DecodingConfig(coverage_penalty=0.2, sampling=sampling))
    found = search(model, *batch(), DecodingConfig(length_margin=3, sampling=sampling))
    first = found[0] if search is greedy_search else found[0][0]
    assert first.alignment is None


@pytest.mark.parametrize("beam", [1, 4])
def test_unknown_can_be_forbidden(beam):
    model = TinyTranslator(vocabulary=11, seed=0)
    model.output[:, UNKNOWN] = model.output[:, 4:].amax(1) + 1.0
    for forbid in (False, True):
        config = DecodingConfig(beam=beam, length_margin=4, forbid_unknown=forbid)
        written = {token for row in beam_search(model, *batch(), config) for item in row for token in item.tokens}
        assert (UNKNOWN in written) is not forbid


def test_a_sentence_that_is_done_changes_no_more_while_others_go_on():
    """Only one of sixteen leaves: too few to make the batch smaller, so it stays in, and nothing more may come of it."""
    sources = [[5, 6, 4, 3]] * 15 + [[3]]
    config = DecodingConfig(beam=2, length_ratio=1.0, length_margin=1)
    found = beam_search(Looping(end=0.3), *batch(sources), config)
    [alone] = beam_search(Looping(end=0.3), *batch([[3]]), config)
    assert [(item.tokens, item.score) for item in found[-1]] == [(item.tokens, item.score) for item in alone]
    assert [item.tokens for item in greedy_search(Looping(end=0.0), *batch(sources), config)] == [[4] * 5] * 15 + [[4] * 2]
