"""Options of `predict` and `evaluate` that change the search, and `predict --against`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from gyebo_command import Gyebo

TEXTS = ("1.2.2003", "4.5.2006")


@pytest.fixture
def tiny(runs_dir: Path) -> Path:
    return runs_dir / "tiny"


def test_n_best_prints_number_score_and_output(gyebo: Gyebo, tiny: Path):
    lines = [line.split("\t") for line in gyebo("predict", tiny, "--beam", 4, "--n-best", 3, *TEXTS).out.splitlines()]
    assert [number for number, _, _ in lines] == ["1"] * 3 + ["2"] * 3
    scores = [float(score) for _, score, _ in lines]
    assert scores[:3] == sorted(scores[:3], reverse=True)
    best = gyebo("predict", tiny, "--beam", 4, *TEXTS).out.splitlines()
    assert [lines[0][2], lines[3][2]] == best


def test_json_holds_all_scores(gyebo: Gyebo, tiny: Path):
    said = json.loads(gyebo("predict", tiny, "--json", "--beam", 4, "--n-best", 3, TEXTS[0]).out)
    assert len(said["alternatives"]) == len(said["alternative_scores"]) == 2
    assert said["score"] >= max(said["alternative_scores"])
    assert said["log_probability"] < 0


def test_what_was_never_trained_on_is_told(gyebo: Gyebo, tiny: Path):
    known = gyebo("predict", tiny, TEXTS[0])
    assert (known.code, known.err) == (0, "")
    said = gyebo("predict", tiny, TEXTS[0], "☃ 🦄 1", "☃")
    assert said.code == 0
    assert len(said.out.splitlines()) == 3
    assert "Input 2 has '☃', '🦄' (more inputs have such: 1), which the training texts did not have" in " ".join(said.err.split())


def test_a_beam_wider_than_the_vocabulary_is_told(gyebo: Gyebo, tiny: Path):
    said = gyebo("predict", tiny, "--beam", 200, "--n-best", 2, TEXTS[0])
    assert said.code == 0
    assert len(said.out.splitlines()) == 2
    assert "A beam of 200 is wider than the" in " ".join(said.err.split())


def test_samples_follow_from_the_seed(gyebo: Gyebo, tiny: Path):
    def drawn(*options: object) -> str:
        return gyebo("predict", tiny, "--sample", 3, *options, *TEXTS).out

    assert drawn() == drawn() == drawn("--seed", 0)
    assert drawn("--seed", 1) != drawn()
    assert drawn().count("\n") == 6
    greedy = gyebo("predict", tiny, "--beam", 1, *TEXTS).out.splitlines()
    assert [line.split("\t")[2] for line in drawn("--top-k", 1, "--temperature", 2).splitlines()[::3]] == greedy
    assert gyebo("predict", tiny, "--sample", 1, *TEXTS).out.count("\n") == 2


def test_penalties_change_scores(gyebo: Gyebo, tiny: Path):
    def score(*options: object) -> float:
        return json.loads(gyebo("predict", tiny, "--json", "--beam", 1, *options, TEXTS[0]).out)["score"]

    assert score("--length-penalty", 0) < score("--length-normalization", "gnmt", "--length-penalty", 1) < score()
    assert score("--coverage-penalty", 0.5) < score()


def test_evaluate_takes_the_same_options(gyebo: Gyebo, tiny: Path, dates_file: Path):
    for options in (("--beam", 1), ("--sample", 1, "--seed", 3), ("--length-penalty", 0.5, "--forbid-unknown")):
        said = gyebo("evaluate", tiny, "--data", dates_file, "--json", *options)
        assert said.code == 0
        assert "bleu" in json.loads(said.out)["metrics"]


def test_against_tells_search_errors_from_model_errors(gyebo: Gyebo, tiny: Path, tmp_path: Path):
    found = gyebo("predict", tiny, "--beam", 2, *TEXTS).out.splitlines()
    file = tmp_path / "given.txt"
    file.write_text(f"{found[0] or '?'}\n2006-05-04\n", encoding="utf-8")
    said = gyebo("predict", tiny, "--beam", 2, "--against", file, *TEXTS)
    assert said.code == 0
    assert "of 2 (" in said.out
    first, second = (
        json.loads(line) for line in gyebo("predict", tiny, "--beam", 2, "--json", "--against", file, *TEXTS).out.splitlines()
    )
    for each in (first, second):
        assert each["reference_log_probability"] == pytest.approx(sum(each["reference_log_probabilities"]))
        assert each["reference_score"] == pytest.approx(each["reference_log_probability"] / len(each["reference_tokens"]))
        same = each["reference_tokens"] == each["prediction"]["output_tokens"]
        believed = each["reference_score"] > each["prediction"]["score"]
        assert each["fault"] == ("none" if same else "search" if believed else "model")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--beam", "0"), "--beam=0 keeps no hypothesis"),
        (("--beam", "2", "--n-best", "3"), "--n-best=3 is not from 1 to beam=2"),
        (("--patience", "0"), "--patience=0 is not above 0"),
        (("--sample", "-1"), "--sample=-1 is not from 0 to 1000"),
        (("--temperature", "2"), "--temperature is an option of sampling, and nothing is sampled. Give --sample N too."),
        (("--sample", "1", "--top-p", "2"), "--top-p=2 is not a probability above 0"),
        (("--length-normalization", "gnm"), "Did you mean 'gnmt'?"),
        (("--sample", "2", "--against", "GIVEN"), "samples=2 with coverage_penalty=0 is no such search. Set both to 0."),
        (("--coverage-penalty", "0.2", "--against", "GIVEN"), "samples=0 with coverage_penalty=0.2 is no such search."),
        (("--against", "SHORT"), "has 1 lines for 2 texts. Give one translation a line, in their order."),
        (("--against", "nowhere.txt"), "There is no file nowhere.txt."),
    ],
)
def test_wrong_options_are_told(options: tuple[str, ...], expected: str, gyebo: Gyebo, tiny: Path, tmp_path: Path):
    files = {"GIVEN": "a\nb\n", "SHORT": "a\n"}
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    said = gyebo("predict", tiny, *(str(tmp_path / word) if word in files else word for word in options), *TEXTS)
    assert (said.code, said.out) == (2, "")
    assert expected in said.told


def test_a_missing_file_of_translations_is_told_before_texts_are_waited_for(gyebo: Gyebo, runs_dir: Path):
    said = gyebo("predict", runs_dir / "tiny", "--against", "missing.txt")
    assert said.code == 2
    assert "missing.txt" in said.told
