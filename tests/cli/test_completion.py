"""Completion: what could stand at the cursor, told without torch, and bash's own machinery asking for it."""

from __future__ import annotations

import dataclasses
import os
import shlex
import subprocess
import sys
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import pytest
import tyro

from gyebo.cli.candidates import KINDS as OFFERED_KINDS
from gyebo.cli.candidates import OPTIONS_CLASSES, SHELLS, candidates
from gyebo.cli.completion import SCRIPTS
from gyebo.cli.listing import KINDS
from gyebo.cli.parsing import option_paths
from gyebo.cli.recipe_options import Option, class_options, recipe_options
from gyebo.cli.train import RunOptions, read_command
from gyebo.cli.verbs import VERBS
from gyebo.data.registry import all_datasets
from gyebo.genealogy import architecture_names
from gyebo.recipes import read_recipe, recipe_names
from gyebo.views import VIEWS


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], [*VERBS]),
        (["tr"], ["train"]),
        (["--v"], ["--version"]),
        (["list", "re"], ["recipes"]),
        (["train", "dat"], ["dates"]),
        (["train", "dates", "--optimizer.na"], ["--optimizer.name"]),
        (["train", "dates", "--optimizer.name", "adam"], ["adam", "adamw", "adamax"]),
        (["train", "dates", "--architecture", "seq"], ["seq2seq"]),
        (["train", "dates", "--architecture", "seq2seq", "--model.num"], ["--model.num-layers"]),
        (["train", "dates", "--model.num"], []),
        (["train", "dates", "--data", "mul"], ["multi30k"]),
        (["train", "dates", "--data", "my-file"], []),
        (["train", "nothing", "--"], ["--help", "--debug"]),
        (["evaluate", "x", "--split", ""], ["test", "validation"]),
        (["look", "x", ""], [*VIEWS]),
        (["show", "rnn-l"], ["rnn-lstm"]),
        (["export", "x", "--no-"], ["--no-score"]),
        (["train", "dates", "--translate.no-"], ["--translate.no-joint-vocabulary"]),
        (["verify", "gru", ""], [name for name in architecture_names() if name != "gru"]),
        (["completion", ""], [*SHELLS]),
        (["no-verb", ""], []),
    ],
    ids=lambda value: " ".join(value) if value else "nothing",
)
def test_candidates(words: list[str], expected: list[str]):
    assert candidates(words) == expected


def test_runs_are_offered_from_their_folder(runs_dir: Path):
    assert candidates(["predict", "--runs-dir", str(runs_dir), ""]) == ["tiny"]
    assert candidates(["look", f"--runs-dir={runs_dir}", "t"]) == ["tiny"]
    assert candidates(["predict", "--runs-dir", str(runs_dir), "--forbid-unknown", ""]) == ["tiny"]
    assert candidates(["predict", "--runs-dir", str(runs_dir), "--forbid_unknown", "--debug", ""]) == ["tiny"]
    assert candidates(["export", "--runs-dir", str(runs_dir), "--no-score", ""]) == ["tiny"]
    assert candidates(["evaluate", "--runs_dir", str(runs_dir), "--js"]) == ["--json"]


@pytest.mark.parametrize("name", recipe_names())
def test_the_static_walk_finds_the_typed_options_of_every_recipe(name: str):
    hidden = {"--name", "--task"}
    typed = {path for path in option_paths(type(read_recipe(name))) if not path.startswith("--result")} - hidden
    assert set(recipe_options(name)) == typed | set(option_paths(RunOptions))


@pytest.mark.parametrize("verb", OPTIONS_CLASSES)
def test_the_static_walk_finds_the_options_of_every_verb(verb: str):
    name = OPTIONS_CLASSES[verb]
    module = __import__(VERBS[verb].module, fromlist=[name])
    assert list(class_options(VERBS[verb].module, name)) == option_paths(getattr(module, name))


def switches(options: Any, prefix: str = "--") -> set[str]:
    """The words of a dataclass's options that take no value, by its types: `Flag` has the one that turns it on, `bool` both."""
    found: set[str] = set()
    for name, hint in typing.get_type_hints(options, include_extras=True).items():
        plain, *marks = typing.get_args(hint) if typing.get_origin(hint) is Annotated else (hint,)
        field = name.replace("_", "-")
        if tyro.conf.Suppress in marks:
            continue
        if dataclasses.is_dataclass(plain):
            found |= switches(plain, f"{prefix}{field}.")
        elif plain is bool:
            found |= {f"{prefix}{field}"} | (set() if tyro.conf.FlagCreatePairsOff in marks else {f"{prefix}no-{field}"})
    return found


def told_switches(options: Mapping[str, Option]) -> set[str]:
    return {word for path, option in options.items() if option.takes_no_value for word in (path, option.off) if word}


@pytest.mark.parametrize("name", recipe_names())
def test_the_static_walk_knows_which_options_of_a_recipe_take_no_value(name: str):
    assert told_switches(recipe_options(name)) == switches(type(read_recipe(name))) | switches(RunOptions)


@pytest.mark.parametrize("verb", OPTIONS_CLASSES)
def test_the_static_walk_knows_which_options_of_a_verb_take_no_value(verb: str):
    name = OPTIONS_CLASSES[verb]
    module = __import__(VERBS[verb].module, fromlist=[name])
    assert told_switches(class_options(VERBS[verb].module, name)) == switches(getattr(module, name))


def test_training_accepts_every_word_that_takes_no_value():
    words = sorted(told_switches(recipe_options("dates")))
    assert "--translate.decoding.no-forbid-unknown" in words
    read_command("dates", words)  # raises where one of them is unknown, or waits for a value


def test_the_tables_agree():
    assert tuple(KINDS) == OFFERED_KINDS
    assert tuple(SCRIPTS) == SHELLS
    assert set(OPTIONS_CLASSES) == set(VERBS) - {"train", "completion"}


def bash_completes(line: str, folder: Path) -> list[str]:
    """What bash offers at the end of a line, by its own programmable completion."""
    words = shlex.split(line) + ([""] if line.endswith(" ") else [])
    script = f"""
        source <(gyebo completion bash)
        [[ $(complete -p gyebo) == *"-F _gyebo"* ]] || exit 9
        COMP_WORDS=({" ".join(map(shlex.quote, words))})
        COMP_CWORD={len(words) - 1}
        _gyebo
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    command = folder / "gyebo"
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m gyebo "$@"\n')
    command.chmod(0o755)
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    found = subprocess.run(["bash", "-c", script], capture_output=True, text=True, env=environment, timeout=60)
    assert (found.returncode, found.stderr) == (0, "")
    return found.stdout.split()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("gyebo tr", ["train"]),
        ("gyebo list ", [*KINDS]),
        ("gyebo data ", [item.name for item in all_datasets()]),
        ("gyebo train dates --translate.decoding.b", ["--translate.decoding.beam"]),
        ("gyebo predict no-such-run-", []),
    ],
)
def test_bash_completes(line: str, expected: list[str], tmp_path: Path):
    assert bash_completes(line, tmp_path) == expected


@pytest.mark.parametrize("shell", SHELLS)
def test_every_script_asks_the_same_question(shell: str):
    assert "gyebo __complete" in SCRIPTS[shell]
    assert SCRIPTS[shell].startswith(("# gyebo's completion", "#compdef gyebo"))
