"""Metrics of written texts: sacrebleu's numbers and signatures, and one tokenizer for all numbers of an evaluation."""

from __future__ import annotations

import pytest
import sacrebleu

from gyebo.tasks.text_metrics import bleu_by_length, bleu_tokenizer, text_metrics


def test_metrics_are_sacrebleus():
    outputs, references = ["the cat sat on a mat .", "a dog"], ["the cat sat on the mat .", "a dog"]
    metrics, signatures = text_metrics(outputs, references, bleu_tokenizer(references))
    assert metrics["bleu"] == sacrebleu.corpus_bleu(outputs, [references]).score
    assert metrics["chrf"] == sacrebleu.corpus_chrf(outputs, [references]).score
    assert metrics["exact_match"] == 0.5
    assert "tok:13a" in signatures["bleu"]
    assert "version:" in signatures["chrf"]


def test_korean_is_compared_by_characters():
    outputs, references = ["나는 학교에 간다"], ["나는 학교에 갔다"]
    metrics, signatures = text_metrics(outputs, references, bleu_tokenizer(references))
    assert metrics["bleu"] == sacrebleu.corpus_bleu(outputs, [references], tokenize="char").score > 0
    assert "tok:char" in signatures["bleu"]


def test_bleu_by_length_counts_every_sentence_once():
    words = [1, 1, 2, 3, 5, 8, 13, 21]
    outputs = [f"a b c d e f {number}" for number in words]
    rows = bleu_by_length(words, outputs, outputs, "13a")
    assert sum(row["sentences"] for row in rows) == len(words)
    assert [row["source_words"] for row in rows] == ["1", "2-3", "4-9", "10-21"]
    assert all(row["bleu"] == pytest.approx(100) for row in rows)
    assert bleu_by_length([4, 4], outputs[:2], outputs[:2], "13a")[0]["source_words"] == "4"


@pytest.mark.parametrize(
    ("references", "tokenizer"),
    [
        (["Hangul 한글 is an alphabet", "2009"], "13a"),
        (["나는 KBS를 본다"], "char"),
        (["한글 ab"], "13a"),  # just half
        (["3 . 4"], "13a"),
        ([], "13a"),
    ],
)
def test_most_letters_decide_the_tokenizer(references, tokenizer):
    assert bleu_tokenizer(references) == tokenizer


def test_groups_are_cut_as_the_whole_corpus_is():
    """A group of one Korean sentence in an English corpus is compared by words too, or its BLEU would not compare."""
    outputs, references = ["a b c d e", "나는 학교에 갔다 그리고 왔다"], ["a b c d e", "나는 학교에 간다 그리고 왔다"]
    rows = bleu_by_length([1, 9], outputs, references, "13a", groups=2)
    assert [row["bleu"] for row in rows] == [
        text_metrics([output], [reference], "13a")[0]["bleu"] for output, reference in zip(outputs, references, strict=True)
    ]
    assert rows[1]["bleu"] != text_metrics(outputs[1:], references[1:], "char")[0]["bleu"]
