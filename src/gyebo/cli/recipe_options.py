"""The options of verbs and recipes read from the source text, so that completion answers without torch.

`gyebo train` builds its options from dataclasses that live beside models and tasks, and importing those takes seconds. Completion
therefore walks the same classes in the source: a field is an annotated name in a class body; a field whose type is another dataclass of
gyebo is a table of options; a `Literal` lists its choices; a `bool` or a `Flag` takes no value. Tests compare the walk with the typed
options of every recipe and verb.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gyebo.cli.recipe_facts import recipe_facts, recipe_path
from gyebo.genealogy import facts
from gyebo.tasks import TASKS

__all__ = ["Option", "class_options", "recipe_options"]

PACKAGE = Path(__file__).parent.parent


@dataclass(frozen=True)
class Option:
    """What the source tells of an option beside its path."""

    choices: tuple[str, ...] = ()
    """its values; none where any will do"""
    takes_no_value: bool = False
    off: str = ""
    """the word that turns it off, such as --no-compile; empty where there is none"""


@dataclass(frozen=True)
class _Class:
    """A class in the source text, with the file whose names its annotations use."""

    file: Path
    node: ast.ClassDef


def class_options(module: str, name: str) -> dict[str, Option]:
    """The options of a dataclass by their paths.  Positional fields are no options.

    >>> class_options("gyebo.cli.evaluate", "EvaluateOptions")["--split"].choices
    ('test', 'validation')
    """
    found = _resolve(_file(module), name)
    return dict(_options(found, "--")) if found else {}


def recipe_options(name: str, architecture: str = "") -> dict[str, Option]:
    """The options of `gyebo train NAME`, with the fields of its task and of its (or another) architecture.

    Empty where there is no such recipe.
    >>> "--model.width" in recipe_options("dates") and "--translate.source.unit" in recipe_options("dates")
    True
    """
    path = recipe_path(name)
    if path is None:
        return {}
    recipe = recipe_facts(path)
    task = recipe["task"]
    module, task_class = TASKS[task]
    model = facts(architecture or recipe["architecture"])
    options = class_options("gyebo.recipes", "Recipe") | class_options("gyebo.cli.train", "RunOptions")
    filled_in = {f"--model.{field.replace('_', '-')}" for field in _literal(_file(module), task_class, "model_field_names")}
    model_file = f"gyebo.models.{model.family}.{model.name.replace('-', '_')}"
    for module_name, class_name, prefix in (
        (model_file, _value(_file(model_file), "ARCHITECTURE", "config"), "--model."),
        (module, _alias(_file(module), task_class, "Config"), f"--{task}."),
    ):
        found = _resolve(_file(module_name), class_name)
        options |= {path: option for path, option in _options(found, prefix) if path not in filled_in} if found else {}
    return {path: option for path, option in options.items() if path != "--task" and not path.startswith("--result")}


def _options(found: _Class, prefix: str) -> Iterator[tuple[str, Option]]:
    for base in found.node.bases:
        inherited = _resolve(found.file, base.id) if isinstance(base, ast.Name) else None
        if inherited:
            yield from _options(inherited, prefix)
    for statement in found.node.body:
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        written = ast.unparse(statement.annotation)
        if "Positional" in written or "Suppress" in written:
            continue
        field = statement.target.id.replace("_", "-")
        path = prefix + field
        table = _resolve(found.file, written) if written.isidentifier() else None
        if table:
            yield from _options(table, f"{path}.")
        else:
            yield path, _option(statement.annotation, f"{prefix}no-{field}")


def _option(annotation: ast.expr, off: str) -> Option:
    """What an annotation makes of an option; off: the word that would turn it off, if it is one to turn on and off."""
    match annotation:
        case ast.Name(id="bool"):
            return Option(takes_no_value=True, off=off)
        case ast.Name(id="Flag"):
            return Option(takes_no_value=True)
        case ast.Subscript(value=ast.Name(id="Literal"), slice=chosen):
            value = ast.literal_eval(chosen)
            return Option(tuple(map(str, value)) if isinstance(value, tuple) else (str(value),))
    return Option()


def _resolve(file: Path, name: str) -> _Class | None:
    """The class of a name as a file sees it: its own, or imported by `from gyebo... import`."""
    for statement in _body(file):
        match statement:
            case ast.ClassDef(name=own) if own == name:
                return _Class(file, statement)
            case ast.ImportFrom(module=str(module), names=names) if module.startswith("gyebo"):
                if any((item.asname or item.name) == name for item in names):
                    return _resolve(_file(module), name)
    return None


def _file(module: str) -> Path:
    path = PACKAGE.parent.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def _body(file: Path) -> list[ast.stmt]:
    return ast.parse(file.read_text(encoding="utf-8")).body


def _assigned(statements: list[ast.stmt], name: str) -> ast.expr | None:
    for statement in statements:
        match statement:
            case ast.Assign(targets=[ast.Name(id=own)], value=value) if own == name:
                return value
    return None


def _literal(file: Path, class_name: str, name: str) -> tuple[str, ...]:
    found = _resolve(file, class_name)
    value = _assigned(found.node.body, name) if found else None
    return ast.literal_eval(value) if value else ()


def _alias(file: Path, class_name: str, name: str) -> str:
    found = _resolve(file, class_name)
    value = _assigned(found.node.body, name) if found else None
    return value.id if isinstance(value, ast.Name) else ""


def _value(file: Path, name: str, keyword: str) -> str:
    """The name that an entry such as ARCHITECTURE = Architecture(config=...) gives for a keyword."""
    call = _assigned(_body(file), name)
    given = {item.arg: item.value for item in call.keywords} if isinstance(call, ast.Call) else {}
    value = given.get(keyword)
    return value.id if isinstance(value, ast.Name) else ""
