"""One vocabulary for both sides: what it learns from, that it survives a file, and what it needs."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from made_pairs import made_pairs

from gyebo.config import from_mapping, to_mapping
from gyebo.data.pairs import Pairs
from gyebo.data.parallel import ParallelText
from gyebo.data.vocabulary import VocabularyConfig
from gyebo.decoding import DecodingConfig
from gyebo.errors import UsageError
from gyebo.genealogy import architecture
from gyebo.tasks.translate import Translate, TranslateConfig

TRAIN = Pairs(("der Hund", "die Katze", "2009년 3월"), ("the dog", "the cat", "March 2009"))
UNIT = VocabularyConfig(unit="character", min_count=1)
CONFIG = TranslateConfig(source=UNIT, target=UNIT, joint_vocabulary=True, decoding=DecodingConfig(beam=2, length_margin=3))


def parallel() -> ParallelText:
    return made_pairs(TRAIN)


def learn(config: TranslateConfig = CONFIG) -> Translate:
    return Translate.learn(config, parallel())


def test_both_sides_have_the_same_tokens():
    task = learn()
    texts = (*TRAIN.source, *TRAIN.target)
    assert task.source.encode(texts) == task.target.encode(texts)
    assert len(set(task.model_fields().values())) == 1
    unknown = task.source.encode(["\u2603"])[0][0]
    assert all(unknown not in row for row in task.source.encode(texts)), "letters of either side are known on both"


def test_apart_each_side_has_tokens_of_its_own():
    task = learn(dataclasses.replace(CONFIG, joint_vocabulary=False))
    assert len(set(task.model_fields().values())) == 2


def test_it_survives_a_file(tmp_path):
    task = learn()
    task.save(tmp_path)
    again = Translate.load(to_mapping(task.config), tmp_path)
    assert again.config == task.config
    assert again.model_fields() == task.model_fields()
    for text in (*TRAIN.source, *TRAIN.target):
        assert again.source.encode([text]) == again.target.encode([text]) == task.source.encode([text])
    assert (tmp_path / "tokenizer-source.json").read_bytes() == (tmp_path / "tokenizer-target.json").read_bytes()


def test_a_model_may_tie_all_its_embeddings():
    task = learn()
    entry = architecture("transformer")
    torch.manual_seed(0)
    model = entry.model(
        entry.config(tied="all", width=8, num_heads=2, num_layers=1, feed_forward_width=6, **task.model_fields())
    ).eval()
    assert model.source_embedding is model.target_embedding is model.output
    predictions = task.predict(model, TRAIN.source)
    assert [item.input for item in predictions] == list(TRAIN.source)
    problem = task.problem(parallel())
    loss = problem.loss(model, np.arange(len(TRAIN)), "cpu")
    assert loss.isfinite()


@pytest.mark.parametrize(
    "target",
    [
        VocabularyConfig(unit="word", min_count=1),
        VocabularyConfig(unit="character", min_count=2),
        VocabularyConfig(unit="character", min_count=1, lowercase=True),
    ],
)
def test_tables_that_differ_are_refused(target):
    message = (
        "joint_vocabulary=true learns one vocabulary for both sides, but the tables [translate.source] and [translate.target]"
        " differ. Give both the same options."
    )
    with pytest.raises(ValueError) as caught:
        dataclasses.replace(CONFIG, target=target)
    assert str(caught.value) == message
    with pytest.raises(UsageError) as told:
        from_mapping(TranslateConfig, to_mapping(CONFIG) | {"target": to_mapping(target)}, "recipe mine.toml")
    assert str(told.value) == f"In recipe mine.toml: {message}"
