"""`gyebo compare`: two translators at an equal budget, a search, and what is refused."""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
import signal
import subprocess
import sys
import time

import pytest

from gyebo.cli.compare import CompareOptions, recipe_of, train_command
from gyebo.cli.train import read_command
from gyebo.compare.search import with_values
from gyebo.errors import UsageError
from gyebo.recipes import ResultConfig

SMALL = """
task = "translate"
architecture = "bahdanau"
data = ["{data}"]
threads = 1
[model]
width = 8
embedding_width = 6
alignment_width = 7
readout_width = 5
[batch]
tokens = 512
[evaluation]
metric = "loss"
[translate.decoding]
length_margin = 5
length_ratio = 0.0
"""


@pytest.fixture
def small(tmp_path, dates_file):
    path = tmp_path / "small.toml"
    path.write_text(SMALL.format(data=dates_file))
    return path


def test_two_translators_at_an_equal_budget(gyebo, small, tmp_path):
    command = ("compare", "bahdanau", "seq2seq", "--recipe", small, "--flops", "2e6", "--seeds", "1", "--threads", "1")
    said = gyebo(*command, "--output", tmp_path / "out")
    assert said.code == 0, said.err
    assert "1 seed" in said.out
    assert "the order says little" in said.out
    told = json.loads((tmp_path / "out" / "result.json").read_text())
    assert {standing["entrant"] for standing in told["standings"]} == {"bahdanau", "seq2seq"}
    for standing in told["standings"]:
        assert standing["steps"] >= 1
        assert standing["steps"] == 1 or standing["flops"] == pytest.approx(2e6, rel=0.6)
    assert (tmp_path / "out" / "quality-by-cost.png").read_bytes()[1:4] == b"PNG"
    before = sorted(path.stat().st_mtime_ns for path in (tmp_path / "out" / "runs").glob("*/results.json"))
    again = gyebo(*command, "--output", tmp_path / "out", "--json")
    assert json.loads(again.out) == told
    assert sorted(path.stat().st_mtime_ns for path in (tmp_path / "out" / "runs").glob("*/results.json")) == before
    other = gyebo(*command[:-4], "--seeds", "2", "--threads", "1", "--output", tmp_path / "out")
    assert other.code == 2
    assert "holds another comparison: its seeds is [1], and is now [1, 2]" in other.told


@pytest.mark.slow
def test_a_search_halves_its_trials(gyebo, small, tmp_path):
    said = gyebo(
        *("compare", small, "--vary", "optimizer.rate=1e-4..1e-1", "--trials", "3", "--halving", "--flops", "2e7"),
        *("--threads", "1", "--output", tmp_path / "out"),
    )
    assert said.code == 0, said.err
    trials = json.loads((tmp_path / "out" / "result.json").read_text())["trials"]
    assert len(trials) == 3
    assert trials[0]["steps"] > trials[1]["steps"] == trials[2]["steps"]
    assert "--optimizer.rate" in said.out


@pytest.mark.slow
def test_stopped_it_goes_on(small, tmp_path):
    command = [
        *(sys.executable, "-m", "gyebo", "compare", "bahdanau", "--recipe", small, "--minutes", "0.15", "--seeds", "1"),
        *("--threads", "1", "--output", tmp_path / "out"),
    ]
    process = subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, text=True, env=os.environ)
    deadline = time.monotonic() + 120
    while not list((tmp_path / "out").glob("runs/*/training/step-*")) and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 143
    assert "the same command goes on" in " ".join(said.split())
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "none is named"),
        (("lstn",), "Did you mean 'lstm'?"),
        (("bahdanau", "bahdanau"), "named twice"),
        (("bahdanau", "lstm", "--recipe", "dates"), "is for the task"),
        (("dates", "multi30k-gru"), "only architectures of one task can be compared"),
        (("dates", "fra-eng-bahdanau"), "Name the data for both"),
        (("dates", "--minutes", "1", "--flops", "1e9"), "give one of the two"),
        (("dates", "--minutes", "0"), "exactly one of the two"),
        (("dates", "--minutes", "-1"), "a number above 0 was expected"),
        (("dates", "--seeds", "0"), "--seeds is 0"),
        (("dates", "--trials", "3"), "--trials and --halving are about a search"),
        (("dates", "bahdanau", "--vary", "seed=1,2"), "--vary searches settings of one architecture"),
        (("dates", "--vary", "seed=1,2", "--seeds", "5"), "leave out one of the two"),
        (("dates", "--vary", "optimizer.rat=1e-3..1e-2"), "Did you mean 'rate'?"),
    ],
)
def test_what_cannot_be_compared_is_told(gyebo, words, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = gyebo("compare", *words)
    assert said.code == 2
    assert told in said.told
    assert not (tmp_path / "comparisons").exists()


def test_a_recipe_of_a_path_is_called_by_its_files_name(gyebo, small, tmp_path, monkeypatch):
    """Whatever folder it lies in: its name is part of the names of files, which all stay in the comparison's folder."""
    (tmp_path / "recipes").mkdir()
    other = small.rename(tmp_path / "recipes" / "나의.toml")
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.chdir(tmp_path)
    said = gyebo("compare", other, "--flops", "1e5", "--seeds", "1", "--threads", "1", "--output", "out")
    assert said.code == 0, said.err
    assert [path for path in sorted(tmp_path.rglob("*")) if tmp_path / "out" not in (path, *path.parents)] == before
    told = json.loads((tmp_path / "out" / "result.json").read_text())
    assert [standing["entrant"] for standing in told["standings"]] == ["나의"]


def test_the_folder_of_a_search_is_named_after_recipe_and_data(gyebo, small, dates_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folders = []

    def search(recipe, space, budget, folder, **_):
        folders.append(folder)
        raise UsageError("nothing is trained here")

    monkeypatch.setattr("gyebo.compare.search.search", search)
    hidden = dates_file.with_name(".days")
    hidden.write_bytes(dates_file.read_bytes())
    for data in (dates_file, hidden):
        assert "nothing is trained here" in gyebo("compare", small, "--data", data, "--vary", "seed=1,2").told
    assert list(map(str, folders)) == ["comparisons/small-days-search", "comparisons/small-.days-search"]


@pytest.mark.parametrize(
    ("named", "told"),
    [
        (("{small}", "{folder}/other/small.toml"), "would both be called 'small'"),
        (("bahdanau", "{folder}/bahdanau.toml"), "'bahdanau' and '{folder}/bahdanau.toml' would both be called 'bahdanau'. Copy"),
        (("{folder}/a\nb.toml",), "cannot name the files of a comparison"),
    ],
)
def test_names_are_told_apart_before_anything_is_measured(gyebo, small, tmp_path, monkeypatch, named, told):
    monkeypatch.chdir(tmp_path)
    words = [word.format(small=small, folder=tmp_path) for word in named]
    for word in words:
        if word.endswith(".toml"):
            path = tmp_path / word
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(small.read_bytes())
    said = gyebo("compare", *words)
    assert said.code == 2
    assert told.format(folder=tmp_path) in said.told
    assert not (tmp_path / "comparisons").exists()


@pytest.mark.parametrize("word", ["{folder}/my own.toml", "dates", "bahdanau", "seq2seq"])
@pytest.mark.parametrize("base", ["", "dates", "{folder}/my own.toml"])
def test_the_command_that_a_search_ends_with_trains_what_it_found(small, dates_file, tmp_path, monkeypatch, word, base):
    small.rename(tmp_path / "my own.toml")
    data = tmp_path / "all days.tsv"
    data.write_bytes(dates_file.read_bytes())
    word, base = word.format(folder=tmp_path), base.format(folder=tmp_path)
    options = CompareOptions(entrants=(word,), recipe=base, data=(str(data),))
    recipe = recipe_of(word, options)
    values = {
        "optimizer.rate": 0.0123,
        "model.width": 24,
        "translate.source.lowercase": True,
        "compile": False,
        "optimizer.name": "sgd",
    }
    command, verb, *words = shlex.split(train_command(word, recipe, values, options))
    assert (command, verb) == ("gyebo", "train")
    trained, _ = read_command(words[0], words[1:])
    asked = with_values(recipe, values, trained.name)
    assert dataclasses.replace(trained, result=ResultConfig()) == dataclasses.replace(asked, result=ResultConfig())


def test_a_folder_that_is_no_comparison_is_left_alone(gyebo, tmp_path):
    (tmp_path / "letters.txt").write_text("mine")
    said = gyebo("compare", "dates", "--output", tmp_path)
    assert said.code == 2
    assert "is no comparison, and is not empty" in said.told
    assert [path.name for path in tmp_path.iterdir()] == ["letters.txt"]
