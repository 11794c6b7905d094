"""A command that is run in this process, and a small run that is trained once and then only read."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from gyebo_command import DATES, TINY, Gyebo, Said

from fake_claims import fake_claims
from gyebo.cli import main

__all__ = ["fake_claims"]


@pytest.fixture
def gyebo(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Gyebo:
    """Run `gyebo WORD ...` in this process; `stdin` is what it reads from standard input.  Tables are as wide as in a pipe."""
    monkeypatch.setenv("COLUMNS", "160")  # workers of a parallel run see a terminal of 80

    def run(*words: object, stdin: bytes = b"") -> Said:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capsys.readouterr()
        code = main([str(word) for word in words])
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return run


@pytest.fixture(scope="session")
def dates_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "days.tsv"
    path.write_text("\n".join(DATES) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def runs_dir(dates_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one finished run, `tiny`."""
    folder = tmp_path_factory.mktemp("runs")
    assert main(["train", "dates", "--data", str(dates_file), "--name", "tiny", "--runs-dir", str(folder), *TINY]) == 0
    return folder
