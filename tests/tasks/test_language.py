import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from gyebo.config import from_mapping
from gyebo.data.parallel import Pairs, PairsConfig, ParallelText
from gyebo.data.vocabulary import VocabularyConfig
from gyebo.decoding import DecodingConfig
from gyebo.errors import GyeboError, UsageError
from gyebo.genealogy import architecture
from gyebo.models.interfaces import BEGIN, END
from gyebo.tasks.language import Language, LanguageConfig

SENTENCES = ("a man rides a horse .", "a dog runs .", "two dogs run in the grass .", "한 남자가 말을 탄다 .")


def text(train: tuple[str, ...] = SENTENCES, test: tuple[str, ...] = SENTENCES[:2]) -> ParallelText:
    pairs = {"train": Pairs(train, train), "validation": Pairs(test, test), "test": Pairs(test, test)}
    told = {"name": "sentences", "source_language": "", "target_language": "en", "licence": "", "citation": "", "url": ""}
    return ParallelText(**told, **pairs, fingerprint="", notes=())


@pytest.fixture
def task() -> Language:
    config = LanguageConfig(vocabulary=VocabularyConfig(unit="word", min_count=1), decoding=DecodingConfig(beam=2, length_margin=4))
    return Language.learn(config, text())


@pytest.fixture
def model(task: Language) -> torch.nn.Module:
    torch.manual_seed(3)
    entry = architecture("lstm")
    return entry.model(entry.config(vocabulary=task.model_fields()["vocabulary"], embedding_width=6, width=8, num_layers=2))


def test_the_loss_is_the_cross_entropy_of_each_sentence_alone(task: Language, model: torch.nn.Module) -> None:
    problem = task.problem(text())
    rows = np.array([0, 2, 3])
    expected = torch.zeros(())
    for row in rows:
        numbers = task.vocabulary.encode([SENTENCES[row]])[0]
        logits = model(torch.tensor([[BEGIN, *numbers[:-1]]]), torch.tensor([len(numbers)]))
        expected += F.cross_entropy(logits[0], torch.tensor(numbers), reduction="sum")
    torch.testing.assert_close(problem.loss(model, rows, "cpu"), expected, rtol=1e-5, atol=1e-5)
    assert problem.training.num_tokens(rows) == sum(len(task.vocabulary.encode([SENTENCES[row]])[0]) for row in rows)


def test_bits_per_character_restates_the_loss(task: Language, model: torch.nn.Module) -> None:
    metrics = task.evaluate(model, text(), "test").metrics
    tokens = sum(len(numbers) for numbers in task.vocabulary.encode(SENTENCES[:2]))
    characters = sum(len(sentence) + 1 for sentence in SENTENCES[:2])
    assert metrics["bits_per_character"] == pytest.approx(metrics["loss"] * tokens / math.log(2) / characters)
    assert metrics["perplexity"] == pytest.approx(math.exp(metrics["loss"]))


def test_a_uniform_model_has_the_vocabulary_as_its_perplexity(task: Language, model: torch.nn.Module) -> None:
    torch.nn.init.zeros_(model.output.weight)
    torch.nn.init.zeros_(model.output.bias)
    assert task.evaluate(model, text(), "test").metrics["perplexity"] == pytest.approx(task.model_fields()["vocabulary"], rel=1e-4)


def test_the_greedy_continuation_follows_the_most_likely_token(task: Language, model: torch.nn.Module) -> None:
    greedy = Language(LanguageConfig(decoding=DecodingConfig(beam=1, length_margin=4)), task.vocabulary)
    prediction = greedy.predict(model, ["a man"])[0]
    tokens = [BEGIN, *task.vocabulary.encode(["a man"])[0][:-1]]
    for name in prediction.output_tokens:
        logits = model(torch.tensor([tokens]), torch.tensor([len(tokens)]))[0, -1]
        logits[[0, BEGIN]] = -torch.inf
        best = int(logits.argmax())
        assert task.vocabulary.names([best]) == [name]
        tokens.append(best)
    assert tokens[-1] == END or len(prediction.output_tokens) == 2 * 3 + 4


def test_what_was_saved_is_read_back(task: Language, tmp_path: Path) -> None:
    task.save(tmp_path)
    again = Language.load({"max_tokens": 7}, tmp_path)
    assert again.config.max_tokens == 7
    assert again.vocabulary.encode(SENTENCES) == task.vocabulary.encode(SENTENCES)
    with pytest.raises(GyeboError, match=r"tokenizer\.json is missing"):
        Language.load({}, tmp_path / "elsewhere")


def test_only_training_sentences_are_cut(task: Language, model: torch.nn.Module) -> None:
    short = Language(LanguageConfig(max_tokens=6), task.vocabulary)
    problem, whole = short.problem(text()), task.problem(text())
    assert whole.notes == ()
    assert problem.notes == ("2 training sentences with more than 6 tokens are cut there.",)
    assert problem.training.tokens.lengths.tolist() == [6, 5, 6, 6]
    assert problem.validate(model, "cpu", lambda: None) == whole.validate(model, "cpu", lambda: None)
    assert short.evaluate(model, text(), "test").metrics == task.evaluate(model, text(), "test").metrics


def test_nothing_is_no_length() -> None:
    with pytest.raises(UsageError, match="max_tokens=0 leaves nothing of a sentence; it must be at least 1, 200 is usual"):
        from_mapping(LanguageConfig, {"max_tokens": 0})


def test_an_own_plain_file_is_read_a_sentence_a_line(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("".join(f"sentence number {number}\n" for number in range(40)), encoding="utf-8")
    data = Language.open((str(file),), LanguageConfig(pairs=PairsConfig(validation=4, test=4)), None)
    assert (len(data.train), len(data.validation), len(data.test)) == (32, 4, 4)
    assert set(data.train.target).isdisjoint(data.test.target)


@pytest.mark.parametrize(("bad", "told"), [("", "is empty"), ("a" * 10_001, "10,001 characters"), ("a\0b", "NUL byte")])
def test_an_input_that_is_no_sentence_is_refused(task: Language, model: torch.nn.Module, bad: str, told: str) -> None:
    with pytest.raises(UsageError, match=f"Input 2 .*{told}"):
        task.predict(model, ["a man", bad])


def test_unknown_metrics_are_refused(task: Language) -> None:
    with pytest.raises(UsageError, match="Did you mean 'perplexity'"):
        task.problem(text()).higher_is_better("perplexty")
