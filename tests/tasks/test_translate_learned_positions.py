"""A model with learned positions has a longest sentence: what is told of longer ones, and that searches keep to it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from made_pairs import made_pairs

from gyebo.data.pairs import Pairs
from gyebo.data.parallel import ParallelText
from gyebo.data.vocabulary import VocabularyConfig
from gyebo.decoding import DecodingConfig
from gyebo.errors import UsageError
from gyebo.genealogy import architecture
from gyebo.layers.limits import Limit
from gyebo.tasks.text import check_tokens
from gyebo.tasks.translate import Translate, TranslateConfig

POSITIONS = 8
TRAIN = Pairs(("abcdefg", "ab"), ("gfedcba", "ba"))  # seven letters and the end mark: just short enough
UNIT = VocabularyConfig(unit="character", min_count=1)
CONFIG = TranslateConfig(source=UNIT, target=UNIT, decoding=DecodingConfig(beam=2, length_margin=50))


def parallel(train: Pairs = TRAIN) -> ParallelText:
    return made_pairs(train)


def task_and_model() -> tuple[Translate, torch.nn.Module]:
    task = Translate.learn(CONFIG, parallel())
    entry = architecture("transformer-learned-positions")
    torch.manual_seed(0)
    sizes = {"width": 8, "num_heads": 2, "num_layers": 1, "feed_forward_width": 6, "max_positions": POSITIONS}
    return task, entry.model(entry.config(**sizes, **task.model_fields())).eval()


@pytest.mark.parametrize("beam", [1, 3])
def test_no_output_is_longer_than_the_positions(beam):
    task, model = task_and_model()
    task.config = dataclasses.replace(CONFIG, decoding=DecodingConfig(beam=beam, length_margin=50))
    predictions = task.predict(model, TRAIN.source)
    assert max(len(item.output_tokens) for item in predictions) <= POSITIONS


def test_a_longer_input_is_told_by_its_number():
    task, model = task_and_model()
    with pytest.raises(UsageError) as caught:
        task.predict(model, ["abc", "abcdefgabc"])
    assert str(caught.value) == (
        "Input 2 has 11 tokens, but this model has learned 8 positions. Give shorter sentences, or train with a larger"
        " --model.max-positions."
    )


def test_a_model_without_a_limit_takes_any_length():
    task, _ = task_and_model()
    entry = architecture("transformer-rotary")
    model = entry.model(entry.config(width=8, num_heads=2, num_layers=1, feed_forward_width=6, **task.model_fields())).eval()
    task.config = dataclasses.replace(CONFIG, decoding=DecodingConfig(beam=1, length_margin=1, length_ratio=0.0))
    assert len(task.predict(model, ["abc" * 100])) == 1


@pytest.mark.parametrize("side", ["source", "target"])
def test_training_on_longer_pairs_is_told(side):
    task, model = task_and_model()
    longer = {"source": Pairs(("abcdefga",), ("ba",)), "target": Pairs(("ab",), ("gfedcbaa",))}[side]
    problem = task.problem(parallel(longer))
    with pytest.raises(UsageError, match=r"A sentence of 9 tokens is longer than the 8 positions .*--model\.max-positions"):
        problem.loss(model, np.arange(1), "cpu")
    with pytest.raises(UsageError, match=r"--model\.max-positions"):
        problem.validate(model, "cpu", lambda: None)


def test_check_tokens():
    check_tokens(8, Limit(8, "--model.max-positions"), "Input 1")
    check_tokens(9, None, "Input 1")
    with pytest.raises(UsageError, match=r"mine\.txt, line 3 has 1,009 tokens, but this model has learned 1,008 positions\."):
        check_tokens(1009, Limit(1008, "--model.max-positions"), "mine.txt, line 3")


def test_a_location_score_has_a_limit_of_its_own():
    task, _ = task_and_model()
    entry = architecture("luong")
    sizes = {"width": 8, "embedding_width": 6, "num_layers": 1, "score": "location", "max_source": 8}
    model = entry.model(entry.config(**sizes, **task.model_fields())).eval()
    with pytest.raises(
        UsageError, match=r"Input 2 has 11 tokens, but this model has learned 8 positions\. .* --model\.max-source\."
    ):
        task.predict(model, ["abc", "abcdefgabc"])
    task.problem(parallel()).check(model)
    task.problem(parallel(Pairs(("ab",), ("gfedcbaa",)))).check(model)  # a target may be as long as it likes
    with pytest.raises(UsageError, match=r"The training split has a text of 9 tokens, .* Give --model\.max-source 9 or more\."):
        task.problem(parallel(Pairs(("abcdefga",), ("ba",)))).check(model)
