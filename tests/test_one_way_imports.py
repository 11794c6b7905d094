"""Modules import only what stands before them, as the source text says; and only the command line prints.

Every import counts: at the top, inside a function, and under `if TYPE_CHECKING`. A lazy import delays the cost of a module and
not the dependence on it, and a type that is only named still has to be understood by the reader. Two files are exempt, because
looking names up later is their job: `gyebo/__init__.py`, whose public names are imported on first use, and `gyebo/tasks/__init__.py`,
the closed table of tasks, which may name the files of its own folder (that is no exemption in this order, as they are of one layer).
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import gyebo

ROOT = Path(gyebo.__file__).parent

ORDER = (
    ("errors", "config", "storage", "entries"),
    ("backprop",),
    ("genealogy",),
    ("layers",),
    ("models",),
    ("data",),
    ("decoding",),
    ("tasks",),
    ("training",),
    ("runs",),
    ("views",),
    ("recipes",),
    ("interop",),
    ("pipeline", "verification"),
    ("claims",),
    ("compare",),
    ("tree",),
    ("api",),
    ("cli",),
    ("__main__",),
)
LAYER = {part: number for number, parts in enumerate(ORDER) for part in parts}
PUBLIC_NAMES = ROOT / "__init__.py"
FILES = sorted(path for path in ROOT.rglob("*.py") if path != PUBLIC_NAMES)


def part_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """The parts of gyebo that a file imports, wherever in the file."""
    modules = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            modules += [f"{node.module}.{alias.name}" for alias in node.names] if node.module == "gyebo" else [node.module]
    parts = {module.split(".")[1] for module in modules if module and module.startswith("gyebo.")}
    return parts & (LAYER.keys() | {path.stem for path in ROOT.iterdir()})  # `from gyebo import __version__` is of no part


def violations(path: Path) -> list[str]:
    own = part_of(path)
    return [
        f"{path.relative_to(ROOT)} imports gyebo.{part}"
        for part in sorted(imports(path))
        if part != own and not (part in LAYER and LAYER[part] <= LAYER[own])
    ]


def test_every_part_has_its_place():
    assert {part_of(path) for path in FILES} <= LAYER.keys()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_one_way(path):
    assert violations(path) == []


def test_the_pages_tell_this_order():
    page = " ".join((ROOT.parents[1] / "docs" / "architecture.md").read_text(encoding="utf-8").replace("\\", "").split())
    assert f"in {' < '.join(', '.join(parts) for parts in ORDER)}, and" in page
    folders = (
        (ROOT.parents[1] / "CONTRIBUTING.md")
        .read_text(encoding="utf-8")
        .partition("```text\nsrc/gyebo/\n")[2]
        .partition("\ntests/")[0]
    )
    listed = [
        name.strip("/").removesuffix(".py")
        for line in re.findall(r"^  (\S.*?)(?:  .*)?$", folders, re.M)
        for name in line.split(", ")
    ]
    assert listed == [part for parts in ORDER for part in parts]


def test_layers_and_models_know_no_task_dataset_or_file():
    for path in FILES:
        if part_of(path) in ("layers", "models"):
            assert imports(path) <= {"errors", "genealogy", "layers", "models"}, path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from gyebo.runs import Run", ["layers/example.py imports gyebo.runs"]),
        ("import gyebo.tasks.translate", ["layers/example.py imports gyebo.tasks"]),
        ("from gyebo import pipeline", ["layers/example.py imports gyebo.pipeline"]),
        ("def late():\n    from gyebo.data import text", ["layers/example.py imports gyebo.data"]),
        ("if TYPE_CHECKING:\n    from gyebo.models.interfaces import State", ["layers/example.py imports gyebo.models"]),
        ("from gyebo.layers.attention import read\nfrom gyebo import __version__", []),
    ],
)
def test_violations_are_seen(tmp_path, monkeypatch, text, expected):
    for part in LAYER:
        (tmp_path / part).mkdir()
    path = tmp_path / "layers" / "example.py"
    path.write_text(text)
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    assert violations(path) == expected


def prints(path: Path) -> list[int]:
    """The lines that call print, or write to the standard streams."""
    lines = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(func=ast.Name(id="print")):
                lines.append(node.lineno)
            case ast.Call(func=ast.Attribute(attr="write", value=ast.Attribute(attr="stdout" | "stderr"))):
                lines.append(node.lineno)
    return lines


def test_nothing_outside_the_command_line_prints():
    told = {str(path.relative_to(ROOT)): prints(path) for path in FILES if part_of(path) not in ("cli", "__main__")}
    assert {path: lines for path, lines in told.items() if lines} == {}
