"""Entries read from the source text: literals and the classes allowed among them, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from gyebo.entries import read_entry


@dataclass(frozen=True)
class Part:
    name: str
    sizes: tuple[int, ...] = ()


TEXT = """
raise RuntimeError("this file must not be run")
ENTRY = Entry(name="one", parts=(Part(name="a", sizes=(1, 2)), Part(name="b" "c")), table={"x": Part(name="d")}, model=Model)
"""


def entry(tmp_path: Path, text: str, *fields: str) -> dict[str, object]:
    path = tmp_path / "file.py"
    path.write_text(text)
    return read_entry(path, "ENTRY", fields, {"Part": Part})


def test_literals_and_parts_are_read_without_running_the_file(tmp_path):
    found = entry(tmp_path, TEXT, "name", "parts", "table", "absent")
    assert found == {"name": "one", "parts": (Part("a", (1, 2)), Part("bc")), "table": {"x": Part("d")}}


def test_the_last_entry_counts(tmp_path):
    assert entry(tmp_path, "ENTRY = Entry(name=1)\nENTRY = Entry(name=2)", "name") == {"name": 2}


@pytest.mark.parametrize("value", ["len('x')", "Other(name='x')", "Part('x')", "[name]", "{**other}", "(x for x in y)"])
def test_what_is_no_literal_is_refused(tmp_path, value):
    with pytest.raises(ValueError):
        entry(tmp_path, f"ENTRY = Entry(name={value})", "name")


def test_a_file_without_its_entry(tmp_path):
    with pytest.raises(AssertionError, match=r"file\.py has no ENTRY = Entry\(\.\.\.\) at its end"):
        entry(tmp_path, "OTHER = Entry(name=1)", "name")
