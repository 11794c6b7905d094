"""The task translate: its loss is a plain padded cross-entropy, its metrics are sacrebleu's, its predictions know no neighbours."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import sacrebleu
import torch
from made_pairs import made_pairs
from torch.nn import functional as F

from gyebo.data.pairs import Pairs
from gyebo.data.parallel import ParallelText
from gyebo.data.vocabulary import VocabularyConfig
from gyebo.decoding import DecodingConfig
from gyebo.errors import GyeboError, UsageError
from gyebo.genealogy import architecture
from gyebo.models.interfaces import BEGIN, PADDING
from gyebo.tasks.interface import Prediction
from gyebo.tasks.next_token import summed_loss, teacher_forced
from gyebo.tasks.translate import Judgement, Translate, TranslateConfig

TRAIN = Pairs(
    ("le 3 mars 2009", "mardi", "le 4", "2009년 3월 3일 화요일", "un deux trois quatre cinq"),
    ("2009-03-03", "Tuesday", "the 4th of something", "2009-03-03", "5"),
)
UNIT = VocabularyConfig(unit="character", min_count=1)
CONFIG = TranslateConfig(source=UNIT, target=UNIT, decoding=DecodingConfig(beam=3, length_margin=5))
EVERY = np.arange(len(TRAIN))


def parallel(train: Pairs = TRAIN, validation: Pairs = TRAIN) -> ParallelText:
    return made_pairs(train, validation, validation.first(2))


def learn(**options: object) -> Translate:
    return Translate.learn(dataclasses.replace(CONFIG, **options), parallel())


def model_for(task: Translate, name: str = "bahdanau"):
    entry = architecture(name)
    torch.manual_seed(0)
    sizes = {"embedding_width": 6, "width": 8} | ({"alignment_width": 7, "readout_width": 5} if name == "bahdanau" else {})
    return entry.model(entry.config(**sizes, **task.model_fields())).eval()


def padded_logits(task: Translate, model) -> tuple[torch.Tensor, torch.Tensor]:
    """The naive way: the logits of every position, padding too, and what follows there."""
    sources, targets = task.source.encode(TRAIN.source), task.target.encode(TRAIN.target)
    longest = [max(map(len, rows)) for rows in (sources, targets)]
    source = torch.tensor([row + [PADDING] * (longest[0] - len(row)) for row in sources])
    following = torch.tensor([row + [PADDING] * (longest[1] - len(row)) for row in targets])
    begun = torch.tensor([([BEGIN, *row] + [PADDING] * longest[1])[: longest[1]] for row in targets])
    return model(source, torch.tensor([len(row) for row in sources]), begun), following


@pytest.mark.parametrize("name", ["bahdanau", "seq2seq"])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_loss_is_the_plain_padded_cross_entropy(name, smoothing):
    task = learn(label_smoothing=smoothing)
    model = model_for(task, name)
    logits, following = padded_logits(task, model)
    expected = F.cross_entropy(
        logits.flatten(0, 1), following.flatten(), ignore_index=PADDING, reduction="sum", label_smoothing=smoothing
    )
    problem = task.problem(parallel())
    torch.testing.assert_close(problem.loss(model, EVERY, "cpu"), expected)
    parts = sum(problem.loss(model, rows, "cpu") for rows in (EVERY[:2], EVERY[2:]))
    torch.testing.assert_close(parts, expected)
    assert problem.training.num_tokens(EVERY) == int((following != PADDING).sum())


def test_smoothing_by_hand():
    """(1 - s) of the reference's surprise, and s of the mean surprise over the vocabulary."""
    task = learn()
    model = model_for(task)
    pairs = task.pairs(TRAIN)
    logits, following = padded_logits(task, model)
    surprise = -logits[following != PADDING].log_softmax(-1)
    own = surprise.gather(1, following[following != PADDING][:, None]).sum()
    expected = 0.9 * own + 0.1 * surprise.mean(-1).sum()
    torch.testing.assert_close(summed_loss(model, pairs, EVERY, "cpu", smoothing=0.1), expected)


def test_teacher_forced_metrics():
    task = learn(label_smoothing=0.5)
    model = model_for(task).train()
    model.eval()
    logits, following = padded_logits(task, model)
    real = following != PADDING
    loss = F.cross_entropy(logits[real], following[real]).item()
    model.train()
    found = teacher_forced(model, task.pairs(TRAIN), "cpu", lambda: None)
    assert model.training, "the mode is given back"
    right = (logits.argmax(-1) == following)[real].double().mean().item()
    assert found == pytest.approx({"loss": loss, "perplexity": math.exp(loss), "accuracy": right}, rel=1e-5)


def test_evaluate():
    task = learn()
    model = model_for(task)
    found = task.evaluate(model, parallel(), "test")
    assert found.references == list(TRAIN.target[:2])
    assert [item.input for item in found.predictions] == list(TRAIN.source[:2])
    outputs = [item.output for item in found.predictions]
    assert found.metrics["chrf"] == sacrebleu.corpus_chrf(outputs, [found.references]).score
    assert set(found.metrics) == {"loss", "perplexity", "accuracy", "exact_match", "bleu", "chrf"}


def test_predictions_know_neither_order_nor_neighbours():
    task = learn()
    model = model_for(task)
    together = task.predict(model, TRAIN.source)
    backwards = task.predict(model, TRAIN.source[::-1])[::-1]
    alone = [task.predict(model, [text])[0] for text in TRAIN.source]
    for other in (backwards, alone):
        for mine, yours in zip(together, other, strict=True):
            assert (mine.input, mine.output, mine.alternatives) == (yours.input, yours.output, yours.alternatives)
            assert mine.score == pytest.approx(yours.score, abs=1e-5)
            torch.testing.assert_close(mine.alignment, yours.alignment)
    assert [item.input for item in together] == list(TRAIN.source)
    assert all(sum(row) == pytest.approx(1, abs=1e-5) for item in together for row in item.alignment)


def test_unicode_inputs_are_normalised():
    task = learn()
    model = model_for(task)
    composed, decomposed = task.predict(model, ["2009년", "2009\u1102\u1167\u11ab"])
    assert composed.output == decomposed.output
    assert composed.input_tokens == decomposed.input_tokens


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Input 2 is empty. Give one text a line, and remove empty lines."),
        (" \u3000\n", "Input 2 is empty."),
        ("x" * 10_001, "Input 2 has 10,001 characters, but at most 10,000 are read as one text. Give one sentence a line"),
        ("a\0b", "Input 2 holds a NUL byte, so it is not text."),
        ("a\udcff", r"Input 2 is not UTF-8 text: 'a\udcff'. Convert it to UTF-8."),
    ],
)
def test_inputs_that_are_refused(text, message):
    task = learn()
    with pytest.raises(UsageError) as caught:
        task.predict(model_for(task), ["le 3", text])
    assert message in str(caught.value)


def test_long_pairs_are_left_out_and_counted():
    problem = learn(max_tokens=12).problem(parallel())
    assert len(problem.training) == 1
    kept = TRAIN.source.index("mardi")
    assert problem.training.source.padded(EVERY[:1])[0].tolist() == problem.task.source.encode([TRAIN.source[kept]])
    assert problem.training.target.padded(EVERY[:1])[0].tolist() == problem.task.target.encode([TRAIN.target[kept]])
    assert problem.notes == (f"4 training pairs with more than {problem.task.config.max_tokens} tokens on a side are left out.",)
    assert len(problem.validation) == len(TRAIN)
    with pytest.raises(
        UsageError, match=r"Every one of the 5 training pairs of made has more than 2 tokens on a side. Give a larger"
    ):
        learn(max_tokens=2).problem(parallel())


def test_validation():
    task = learn(validation_predictions=2)
    model = model_for(task)
    problem = task.problem(parallel())
    assert set(problem.validate(model, "cpu", lambda: None)) == {"loss", "perplexity", "accuracy", "exact_match", "bleu", "chrf"}
    assert set(learn().problem(parallel()).validate(model, "cpu", lambda: None)) == {"loss", "perplexity", "accuracy"}
    assert (problem.higher_is_better("bleu"), problem.higher_is_better("loss")) == (True, False)
    with pytest.raises(UsageError, match=r"no metric 'blue'\. Did you mean 'bleu'\?"):
        problem.higher_is_better("blue")


def test_an_interrupt_leaves_long_work():
    class Stop(Exception):
        pass

    def interrupt():
        raise Stop

    task = learn()
    model = model_for(task).train()
    for work in (
        lambda: task.predict(model, ["le 3"], "cpu", interrupt),
        lambda: task.problem(parallel()).validate(model, "cpu", interrupt),
    ):
        with pytest.raises(Stop):
            work()
        assert model.training


def test_saved_and_loaded(tmp_path):
    from gyebo.config import to_mapping

    task = learn(label_smoothing=0.25)
    task.save(tmp_path)
    again = Translate.load(to_mapping(task.config), tmp_path)
    assert again.config == task.config
    assert again.source.encode(TRAIN.source) == task.source.encode(TRAIN.source)
    with pytest.raises(GyeboError, match=r"tokenizer-source.json is missing"):
        Translate.load({}, tmp_path / "elsewhere")


def test_validation_is_searched_within_the_limits_of_the_recipe(monkeypatch):
    decoding = DecodingConfig(beam=4, n_best=2, length_ratio=7.0, length_margin=3, coverage_penalty=0.2, forbid_unknown=True)
    task = learn(decoding=decoding, validation_predictions=2)
    used = []

    def translate(model, sources, decoding, device, interrupt):
        used.append(decoding)
        return original(model, sources, decoding, device, interrupt)

    original = task.translate
    monkeypatch.setattr(task, "translate", translate)
    task.problem(parallel()).validate(model_for(task), "cpu", lambda: None)
    (greedy,) = used
    assert (greedy.beam, greedy.length_ratio, greedy.length_margin, greedy.forbid_unknown) == (1, 7.0, 3, True)


@pytest.mark.parametrize(
    ("found", "score", "fault"),
    [
        (["a", "<eos>"], -1.0, "none"),
        (["b", "<eos>"], -1.0, "model"),
        (["b", "<eos>"], -3.0, "search"),
        (["b", "b"], -1.0, "search"),
        ([], -1.0, "search"),
    ],
)
def test_whose_fault_it_is(found, score, fault):
    """What never ended is no match for a reference that does, whatever it scored."""
    prediction = Prediction(input="x", output="", score=score, input_tokens=["x", "<eos>"], output_tokens=found)
    told = Judgement(
        prediction=prediction,
        reference="a",
        reference_tokens=["a", "<eos>"],
        reference_log_probabilities=[-2.0, -2.0],
        reference_log_probability=-4.0,
        reference_score=-2.0,
    )
    assert told.fault == fault
