"""Samples come from the distribution that is asked for, and follow from the seed and the sentence alone."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from tiny_translator import SOURCES, TinyTranslator, batch, log_probability

from gyebo.decoding import DecodingConfig, SamplingConfig, decode, greedy_search, sample
from gyebo.decoding.sampling import draw
from gyebo.models.interfaces import BEGIN, END, PADDING, UNKNOWN


def settings(limit: int = 6, **options: object) -> DecodingConfig:
    sampling = SamplingConfig(**({"samples": 4} | options))  # type: ignore[arg-type]
    return DecodingConfig(length_ratio=0.0, length_margin=limit, sampling=sampling)


def tokens(found):
    return [[item.tokens for item in row] for row in found]


def test_the_same_seed_draws_the_same_samples_in_any_company():
    model = TinyTranslator(vocabulary=11, seed=0)
    together = tokens(sample(model, *batch(), settings()))
    assert together == tokens(sample(model, *batch(), settings()))
    assert together == tokens(sample(model, *batch(SOURCES[::-1]), settings()))[::-1]
    assert together == [tokens(sample(model, *batch([source]), settings()))[0] for source in SOURCES]
    assert together != tokens(sample(model, *batch(), settings(seed=1)))
    assert len({tuple(output) for output in together[0]}) > 1


def test_more_samples_and_a_longer_limit_change_none_of_the_first_tokens():
    model = TinyTranslator(vocabulary=11, seed=0)
    short, long = (tokens(sample(model, *batch(), settings(limit=limit))) for limit in (2, 9))
    assert [[output[:2] for output in row] for row in long] == short


def test_samples_have_the_models_probabilities():
    """The share of each first token among 4,000 samples is its probability, within four standard errors."""
    model, source = TinyTranslator(vocabulary=7, seed=3), SOURCES[:1]
    every = dataclasses.replace(settings(limit=1), sampling=SamplingConfig(samples=1000))
    drawn = [
        item.tokens[0]
        for seed in range(4)
        for item in sample(model, *batch(source), dataclasses.replace(every, sampling=SamplingConfig(samples=1000, seed=seed)))[0]
    ]
    memory = model.encode(*batch(source))
    logits, _ = model.step(torch.tensor([BEGIN]), model.start(memory), memory)
    logits[0, [PADDING, BEGIN]] = -torch.inf
    for token, probability in enumerate(logits[0].softmax(-1).tolist()):
        error = (probability * (1 - probability) / len(drawn)) ** 0.5
        assert abs(drawn.count(token) / len(drawn) - probability) <= 4 * error


@pytest.mark.parametrize("options", [{"top_k": 1}, {"top_p": 1e-6}, {"temperature": 0.01}])
def test_without_freedom_sampling_is_greedy(options):
    model = TinyTranslator(vocabulary=11, seed=1)
    greedy = greedy_search(model, *batch(), settings())
    for row, best in zip(sample(model, *batch(), settings(**options)), greedy, strict=True):
        assert [item.tokens for item in row] == [best.tokens] * 4
        assert row[0].log_probability == pytest.approx(best.log_probability, abs=1e-5)


def test_scores_are_the_models_whatever_the_temperature():
    model = TinyTranslator(vocabulary=11, seed=2)
    for source, row in zip(SOURCES, sample(model, *batch(), settings(temperature=3.0, top_k=6)), strict=True):
        for item in row:
            assert item.log_probability == pytest.approx(log_probability(model, source, item.tokens), abs=1e-4)
            assert item.score == pytest.approx(item.log_probability / len(item.tokens))
            assert item.alignment is not None
            assert item.alignment.shape == (len(item.tokens), len(source))


@pytest.mark.parametrize("forbid", [False, True])
def test_what_is_forbidden_is_never_drawn(forbid):
    model = TinyTranslator(vocabulary=6, seed=5)
    model.output[:, [PADDING, UNKNOWN, BEGIN]] *= 5
    config = dataclasses.replace(settings(samples=50), forbid_unknown=forbid)
    drawn = {token for row in sample(model, *batch(), config) for item in row for token in item.tokens}
    assert not {PADDING, BEGIN} & drawn
    assert (UNKNOWN in drawn) is not forbid
    assert all(END not in item.tokens[:-1] for row in sample(model, *batch(), config) for item in row)


def test_drawing_never_takes_what_has_no_share():
    probabilities = torch.tensor([[0.0, 0.3, 0.0, 0.7, 0.0]]).expand(4, -1)
    assert draw(probabilities, torch.tensor([0.0, 0.29, 0.3, 1.0])).tolist() == [1, 1, 3, 3]


def test_decode_draws_or_searches_and_keeps_the_best():
    model = TinyTranslator(vocabulary=11, seed=0)
    assert tokens(decode(model, *batch(), settings())) == tokens(sample(model, *batch(), settings()))
    config = DecodingConfig(beam=4, n_best=2, length_ratio=0.0, length_margin=6)
    found = decode(model, *batch(), config)
    assert {len(row) for row in found} <= {1, 2}
    assert tokens(found) == [row[:2] for row in tokens(decode(model, *batch(), dataclasses.replace(config, n_best=None)))]
