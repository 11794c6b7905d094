"""Statistics and samples of a parallel text."""

import json

from gyebo.data.describe import describe, samples
from gyebo.data.pairs import Pairs
from gyebo.data.parallel import ParallelText

TEXT = ParallelText(
    name="tiny",
    source_language="en",
    target_language="ko",
    train=Pairs(("Go now.", "Go now.", "Hi!"), ("지금 가.", "가라 ABC.", "안녕하세요 여러분 1 2!")),
    validation=Pairs(("Привет",), ("é",)),
    test=Pairs(),
    licence="free",
    citation="Nobody, 2009.",
    url="https://example.org",
    fingerprint="ab",
    notes=("A note.",),
)


def test_statistics_of_each_split_and_side():
    described = describe(TEXT)
    assert described["splits"]["train"] == {
        "pairs": 3,
        "distinct_source_share": 0.6667,
        "source": {
            "characters": 17,
            "words": 5,
            "distinct_words": 3,
            "mean_words": 1.67,
            "max_words": 2,
            "scripts": {"hangul": 0.0, "latin": 1.0, "other": 0.0},
        },
        "target": {
            "characters": 26,
            "words": 8,
            "distinct_words": 8,
            "mean_words": 2.67,
            "max_words": 4,
            "scripts": {"hangul": 0.8125, "latin": 0.1875, "other": 0.0},
        },
    }
    assert described["splits"]["validation"]["source"]["scripts"] == {"hangul": 0.0, "latin": 0.0, "other": 1.0}


def test_an_empty_split_is_described_with_zeros():
    empty = describe(TEXT)["splits"]["test"]
    assert (empty["pairs"], empty["distinct_source_share"], empty["target"]["mean_words"]) == (0, 0.0, 0.0)


def test_the_description_is_plain_json_with_the_origin():
    described = describe(TEXT)
    assert json.loads(json.dumps(described)) == described
    for name in ("name", "source_language", "target_language", "licence", "citation", "url", "fingerprint"):
        assert described[name] == getattr(TEXT, name)
    assert described["notes"] == ["A note."]


def test_samples_are_different_pairs_and_the_same_for_one_seed():
    rows = list(zip(TEXT.train.source, TEXT.train.target, strict=True))
    assert sorted(samples(TEXT, 10)) == sorted(rows)
    assert len(samples(TEXT, 2, seed=1)) == 2
    assert samples(TEXT, 2, seed=1) == samples(TEXT, 2, seed=1)
    assert {tuple(samples(TEXT, 1, seed=seed)) for seed in range(20)} == {(row,) for row in rows}
    assert samples(TEXT, 0) == []
