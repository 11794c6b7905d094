"""The command as a whole: verbs, exit codes, errors as one paragraph, start-up."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from gyebo_command import Gyebo

import gyebo as package
from gyebo.cli import failures, main
from gyebo.cli.verbs import VERBS
from gyebo.errors import DiskError

HEAVY = ("torch", "numpy", "babel", "altair", "sacrebleu", "tokenizers", "pandas")
COMMAND = (sys.executable, "-m", "gyebo")


def run_alone(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["--version"],
        ["list"],
        ["list", "runs"],
        ["show", "bahdanau"],
        ["show", "dates"],
        ["data"],
        ["completion", "bash"],
        ["__complete", "train", "dates", "--model."],
    ],
    ids=" ".join,
)
def test_what_reads_no_tensor_loads_no_torch(words: list[str]):
    code = (
        "import sys, io, contextlib; from gyebo.cli import main\n"
        f"with contextlib.redirect_stdout(io.StringIO()): code = main({words!r})\n"
        f"print(code, [name for name in {HEAVY!r} if name in sys.modules])"
    )
    assert run_alone(code) == "0 []\n"


def test_importing_the_package_loads_next_to_nothing():
    assert run_alone(f"import sys, gyebo; print([name for name in {(*HEAVY, 'rich', 'tyro')!r} if name in sys.modules])") == "[]\n"


def test_help_names_every_verb(gyebo: Gyebo):
    said = gyebo("--help")
    assert said.code == 0
    assert all(f"  {name} {verb.what}" in said.out for name, verb in VERBS.items())


def test_without_words_the_help_is_an_error(gyebo: Gyebo):
    said = gyebo()
    assert (said.code, said.out) == (2, "")
    assert "usage: gyebo VERB WHAT" in said.err


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "train"])
def test_every_verb_has_help(verb: str, gyebo: Gyebo):
    said = gyebo(verb, "--help")
    assert said.code == 0
    assert f"usage: gyebo {verb}" in said.out


def test_version(gyebo: Gyebo):
    assert gyebo("--version").out == f"gyebo {package.__version__}\n"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["trian"], "gyebo: There is no verb 'trian'. Did you mean 'train'?"),
        (["--hlep"], "gyebo: There is no option '--hlep'."),
        (["list", "--jsn"], "`gyebo list` has no option '--jsn'. Did you mean '--json'?"),
        (["list", "recipe"], "There is no kind 'recipe'. Did you mean 'recipes'?"),
        (["list", "runs", "twice"], "`gyebo list` does not take 'twice' there."),
        (["show"], "Missing"),
        (["evaluate", "x", "--split", "tset"], "--split is 'tset'. Did you mean 'test'? Known are: test, validation."),
        (["data", "--samples", "many"], "--samples is 'many', but a whole number was expected."),
        (["completion", "bsh"], "There is no completion for 'bsh'. Did you mean 'bash'?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_words_are_one_paragraph_and_exit_code_2(words: list[str], expected: str, gyebo: Gyebo):
    said = gyebo(*words)
    assert (said.code, said.out) == (2, "")
    assert expected in said.told
    assert said.told.startswith("gyebo: ")
    assert "Traceback" not in said.err
    assert "\n\n" not in said.err


def test_a_paragraph_fits_the_terminal_and_breaks_no_path(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "60")
    path = "/a/long/path-with-hyphens/that/must/stay/in/one/piece/to/be/copied"
    lines = failures.paragraph(f"The file {path} is not there. Look for it, and name the one that is meant.").splitlines()
    assert path in lines
    assert all(len(line) <= 60 for line in lines if line != path)


def test_a_paragraph_shows_no_control_characters():
    assert failures.paragraph("red \x1b[31m and\nnew") == "gyebo: red \ufffd[31m and new"


@pytest.mark.parametrize(
    ("error", "code", "expected"),
    [
        (DiskError("While writing x, the disk is full."), 3, "While writing x, the disk is full."),
        (KeyboardInterrupt(), 130, "Stopped."),
        (MemoryError(), 1, "The memory of this machine is used up. Give a smaller --batch.tokens"),
        (
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 1 bytes."),
            1,
            "The memory of this machine is used up.",
        ),
        (OSError(28, "No space left on device"), 3, "The disk is full"),
        (
            ZeroDivisionError("division by zero"),
            1,
            "This is a bug in gyebo, not in what you typed: ZeroDivisionError: division by zero.",
        ),
        (AssertionError(), 1, "AssertionError: it says nothing."),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else "",
)
def test_every_error_has_a_paragraph_and_a_code(
    error: BaseException, code: int, expected: str, gyebo: Gyebo, monkeypatch: pytest.MonkeyPatch
):
    def fail(words: list[str]) -> int:
        raise error

    monkeypatch.setattr("gyebo.cli.listing.run", fail)
    said = gyebo("list")
    assert said.code == code
    assert expected in said.told
    assert "Traceback" not in said.err


@pytest.mark.parametrize("way", ["option", "environment"])
def test_debug_shows_the_traceback(way: str, gyebo: Gyebo, monkeypatch: pytest.MonkeyPatch):
    if way == "environment":
        monkeypatch.setenv("GYEBO_DEBUG", "1")
    said = gyebo("show", "nothing-of-that-name", *(["--debug"] if way == "option" else []))
    assert said.code == 2
    assert "Traceback (most recent call last)" in said.err
    assert "gyebo: There is no architecture, claim, recipe, dataset or run" in said.err


def test_a_reader_that_leaves_is_not_an_error():
    command = f"{sys.executable} -m gyebo list --json | head -c 1; echo ${{PIPESTATUS[0]}}"
    found = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
    assert (found.stdout, found.stderr) == ("{0\n", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_under_standard_output_is_told():
    with Path("/dev/full").open("w") as full:
        found = subprocess.run([*COMMAND, "list"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert found.returncode == 3
    assert "disk is full" in found.stderr
    assert "Traceback" not in found.stderr


def test_letters_that_the_terminal_lacks_become_escapes():
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    found = subprocess.run([*COMMAND, "show", "dates"], capture_output=True, text=True, env=environment, timeout=60)
    assert found.returncode == 0


def test_main_returns_the_exit_code_of_the_process():
    found = subprocess.run([*COMMAND, "trian"], capture_output=True, text=True, timeout=60)
    assert found.returncode == main(["trian"]) == 2
