"""`evaluate`, `predict` and `look`: what works on a run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from gyebo_command import Gyebo


@pytest.fixture
def tiny(runs_dir: Path) -> Path:
    return runs_dir / "tiny"


# evaluate


def test_evaluate_prints_metrics_signatures_and_lengths(gyebo: Gyebo, runs_dir: Path):
    said = gyebo("evaluate", "tiny", "--runs-dir", runs_dir)
    assert said.code == 0
    assert "tiny: test split" in said.out
    assert "nrefs:1|case:mixed" in said.out
    assert "BLEU by source length" in said.out


def test_evaluate_agrees_with_what_training_wrote(gyebo: Gyebo, tiny: Path):
    written = json.loads((tiny / "results.json").read_text())["splits"]
    for split in ("test", "validation"):
        said = gyebo("evaluate", tiny, "--split", split, "--json")
        assert json.loads(said.out)["metrics"] == pytest.approx(written[split]["metrics"])


def test_evaluate_writes_the_predictions(gyebo: Gyebo, tiny: Path, dates_file: Path, tmp_path: Path):
    path = tmp_path / "predictions.tsv"
    assert gyebo("evaluate", tiny, "--data", dates_file, "--predictions", path).code == 0
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    pairs = dict(line.split("\t") for line in dates_file.read_text().splitlines())
    assert rows
    assert all(len(row) == 3 and pairs[row[0]] == row[2] for row in rows)


# predict


def test_predict_prints_one_output_a_line_whatever_the_way_in(gyebo: Gyebo, tiny: Path, tmp_path: Path):
    file = tmp_path / "days.txt"
    file.write_bytes(b"\xef\xbb\xbf1.2.2003\r\n4.5.2006\n")
    ways = [
        gyebo("predict", tiny, "1.2.2003", "4.5.2006"),
        gyebo("predict", tiny, "--file", file),
        gyebo("predict", tiny, stdin=b"1.2.2003\n4.5.2006"),
    ]
    assert [said.code for said in ways] == [0, 0, 0]
    assert len({said.out for said in ways}) == 1
    assert ways[0].out.count("\n") == 2
    assert [said.err for said in ways] == ["", "", ""]


def test_predict_json_is_a_line_an_input(gyebo: Gyebo, tiny: Path):
    said = gyebo("predict", tiny, "--json", "--beam", 3, "1.2.2003", "4.5.2006")
    first, second = map(json.loads, said.out.splitlines())
    assert (first["input"], second["input"]) == ("1.2.2003", "4.5.2006")
    assert len(first["alternatives"]) == 2
    assert len(first["alignment"]) == len(first["output_tokens"])
    assert first["score"] < 0


def test_a_text_behind_two_dashes_may_begin_with_one(gyebo: Gyebo, tiny: Path):
    assert gyebo("predict", tiny, "--", "-1.2.2003").out.count("\n") == 1


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (b"", "standard input is empty. Give one text a line"),
        (b"one\n\nthree\n", "standard input, line 2 is empty."),
        (b"one\n \t\n", "standard input, line 2 is empty."),
        (b"one\ntw\0o\n", "standard input, line 2 holds a NUL byte"),
        (b"one\n\xff\xfe\n", "standard input, line 2 is not UTF-8"),
        (b"one\n" + b"x" * 100_000, "standard input, line 2 has 100,000 characters"),
    ],
    ids=["nothing", "empty line", "blank line", "NUL", "not UTF-8", "long line"],
)
def test_bad_input_is_told_before_anything_is_printed(given: bytes, expected: str, gyebo: Gyebo, tiny: Path, tmp_path: Path):
    said = gyebo("predict", tiny, stdin=given)
    assert (said.code, said.out) == (2, "")
    assert expected in said.told
    file = tmp_path / "bad.txt"
    file.write_bytes(given)
    said = gyebo("predict", tiny, "--file", file)
    assert (said.code, said.out) == (2, "")
    assert expected.replace("standard input", str(file)) in said.told


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["x", "--file", "y.txt"], "Both texts and --file y.txt are given."),
        (["--file", "y.txt"], "There is no file y.txt."),
        (["x", " "], "Text 2 of the command line is empty."),
        (["\udcff"], "Text 1 of the command line is not UTF-8 text"),
        (["x", "--beam", "0"], "--beam=0 keeps no hypothesis"),
    ],
    ids=["both", "no file", "blank", "not UTF-8", "no beam"],
)
def test_wrong_words_of_predict(words: list[str], expected: str, gyebo: Gyebo, tiny: Path):
    said = gyebo("predict", tiny, *words)
    assert (said.code, said.out) == (2, "")
    assert expected in said.told


def test_an_unknown_run_names_the_nearest(gyebo: Gyebo, runs_dir: Path):
    for verb in ("predict", "evaluate", "look"):
        said = gyebo(verb, "tinny", "--runs-dir", runs_dir)
        assert said.code == 2
        assert "There is no run 'tinny'. Did you mean 'tiny'?" in said.told


def test_predict_works_in_a_pipe(tiny: Path):
    command = [sys.executable, "-m", "gyebo", "predict", str(tiny)]
    found = subprocess.run(command, input="1.2.2003\n한국어 é\n", capture_output=True, text=True, timeout=120)
    assert (found.returncode, found.stdout.count("\n")) == (0, 2)
    assert found.stderr.startswith("gyebo: Input 2 has '한'")


# look


def test_look_without_a_view_lists_them(gyebo: Gyebo, tiny: Path):
    said = gyebo("look", tiny)
    assert said.code == 0
    assert "alignment" in said.out
    has, lacks = said.out.split("not in this run")
    assert "alignment" in has
    assert "positions" in lacks
    assert "has no positional encoding" in lacks
    told = json.loads(gyebo("look", tiny, "--json").out)
    assert told["alignment"] == {"shows": "what a model with attention looked at while it wrote", "lacks": None}
    assert "has no positional encoding" in told["positions"]["lacks"]


def test_look_writes_into_the_run_unless_told_where(gyebo: Gyebo, tiny: Path, tmp_path: Path):
    said = gyebo("look", tiny, "alignment", "1.2.2003")
    assert said.code == 0, said.err
    assert Path(said.out.strip()) == tiny / "looks" / "alignment.html"
    assert (tiny / "looks" / "alignment.html").is_file()
    path = tmp_path / "alignment.json"
    assert gyebo("look", tiny, "alignment", "1.2.2003", "--output", path).out == f"{path}\n"
    assert json.loads(path.read_text(encoding="utf-8"))["name"]
    numbers = json.loads(gyebo("look", tiny, "alignment", "1.2.2003", "--json").out)
    assert numbers["data"] == json.loads(path.read_text(encoding="utf-8"))["data"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["alignmet"], "There is no view 'alignmet'. Did you mean 'alignment'?"),
        (["curves", "--output", "x.pdf"], "'.pdf' is none"),
        (["alignment", " "], "Text 1 of the command line is empty."),
    ],
    ids=["view", "format", "text"],
)
def test_wrong_words_of_look(words: list[str], expected: str, gyebo: Gyebo, tiny: Path):
    said = gyebo("look", tiny, *words)
    assert (said.code, said.out) == (2, "")
    assert expected in said.told
