"""The settings of decoding: every message says what came and how to mend it."""

from __future__ import annotations

import re

import pytest
import torch

from gyebo.config import from_mapping, to_mapping
from gyebo.decoding import DecodingConfig, SamplingConfig
from gyebo.models.interfaces import BEGIN, PADDING, UNKNOWN


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beam": 0}, "beam=0 keeps no hypothesis; 1 is greedy search, 5 a usual beam."),
        ({"length_margin": 0}, "no token could be written"),
        ({"length_ratio": -1.0}, "no token could be written"),
        ({"beam": 10**9}, "a search beyond that fills the memory or never ends"),
        ({"patience": 0.0}, "patience=0 is not above 0 and at most 1000; 1 ends a search with the first beam of finished"),
        ({"patience": float("nan")}, "patience=nan is not above 0"),
        ({"length_penalty": 1e6}, "length_penalty=1e+06 is not from -10 to 10; 0 compares sums, 1 means."),
        ({"length_penalty": -10.5}, "length_penalty=-10.5 is not from -10 to 10"),
        ({"length_penalty": float("nan")}, "length_penalty=nan is not from -10 to 10"),
        ({"length_margin": 10**9}, "a search beyond that fills the memory or never ends"),
        ({"coverage_penalty": -0.1}, "coverage_penalty=-0.1 is not from 0 to 10; 0 turns it off."),
        ({"coverage_penalty": float("nan")}, "coverage_penalty=nan is not from 0 to 10"),
        ({"beam": 4, "n_best": 5}, "n_best=5 is not from 1 to beam=4: no more than that are kept."),
        ({"n_best": 0}, "n_best=0 is not from 1 to beam=5"),
        ({"n_best": 3, "sampling": SamplingConfig(samples=2)}, "n_best=3 is not from 1 to samples=2"),
    ],
)
def test_decoding_messages(options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        DecodingConfig(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"samples": -1}, "samples=-1 is not from 0 to 1000; 0 searches instead of sampling."),
        ({"samples": 1001}, "samples=1001 is not from 0 to 1000"),
        ({"temperature": 0.0}, "temperature=0 is not from 0.01 to 100; for the most likely output, use beam=1."),
        ({"temperature": float("nan")}, "temperature=nan is not from 0.01 to 100"),
        ({"top_k": -1}, "top_k=-1 keeps no token; 0 draws from all of them."),
        ({"top_p": 0.0}, "top_p=0 is not a probability above 0; 1 draws from all tokens."),
        ({"top_p": 1.5}, "top_p=1.5 is not a probability above 0"),
        ({"seed": -1}, "seed=-1 must be at least 0."),
    ],
)
def test_sampling_messages(options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        SamplingConfig(**options)


def test_configs_survive_json():
    config = DecodingConfig(beam=3, n_best=2, length_normalization="gnmt", sampling=SamplingConfig(samples=4, top_p=0.9))
    assert from_mapping(DecodingConfig, to_mapping(config)) == config
    assert from_mapping(DecodingConfig, {"beam": 2}) == DecodingConfig(beam=2)  # configs of runs from before


def test_forbidden_tokens():
    assert DecodingConfig().forbidden == (PADDING, BEGIN)
    assert DecodingConfig(forbid_unknown=True).forbidden == (PADDING, BEGIN, UNKNOWN)


def test_lengths_end_at_the_models_own_limit():
    config = DecodingConfig(length_ratio=1.5, length_margin=2)
    assert config.max_lengths(torch.tensor([1, 4])).tolist() == [3, 8]
    assert config.max_lengths(torch.tensor([1, 4]), limit=5).tolist() == [3, 5]
