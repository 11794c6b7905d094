"""Options: frozen dataclasses read from words by tyro, with errors that are one paragraph like all others."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import re
import typing
from collections.abc import Sequence
from itertools import dropwhile, takewhile
from typing import Any, TypeAlias, TypeVar, cast

import tyro

from gyebo.errors import UsageError, did_you_mean

__all__ = ["Flag", "option_paths", "parse", "shown"]

Options = TypeVar("Options")
Flag: TypeAlias = tyro.conf.FlagCreatePairsOff[bool]
"""an option without a value, off unless it is given"""

_BAD_NUMBER = re.compile(
    r"Error parsing (?P<option>\S+): (?P<kind>invalid literal for int\(\) with base 10|could not convert string to float): (?P<value>.+)"
)
_BAD_CHOICE = re.compile(r"invalid choice '(?P<value>.*)' for argument '(?P<option>\S+)'\. Expected one of \((?P<choices>.+)\)\.")
_NUMBERS = {"i": "a whole number", "c": "a number"}


def shown(name: str) -> Any:
    """How help names the value of an option or a positional field, without the default that its text tells better."""
    return tyro.conf.arg(metavar=name, help_behavior_hint="")


def parse(options: type[Options], words: Sequence[str], command: str, default: Options | None = None) -> Options:
    """The options that the words give; those left out come from `default`, or from the dataclass.

    command: what stands before the words, for help and errors, such as "gyebo train dates".
    Raises UsageError for unknown options (naming the nearest one), missing ones and values of another type; SystemExit(0) after
    printing help.
    """
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            parsed, unknown = tyro.cli(
                options,
                args=words,
                prog=command,
                default=tyro.MISSING_NONPROP if default is None else cast(Any, default),
                return_unknown_args=True,
            )
    except SystemExit as leaving:
        if not leaving.code:
            raise
        raise UsageError(f"{_sentence(said.getvalue())} `{command} --help` lists the options.") from None
    if unknown:
        raise UsageError(_unknown_word(unknown, options, command))
    return parsed


def option_paths(options: Any, prefix: str = "--") -> list[str]:
    """Every option of a dataclass by its path, in its order; positional fields are none.

    >>> from gyebo.training.config import TrainingConfig
    >>> [path for path in option_paths(TrainingConfig) if path.startswith("--batch")]
    ['--batch.tokens', '--batch.accumulate']
    """
    paths: list[str] = []
    hints = typing.get_type_hints(options, include_extras=True)
    for field in dataclasses.fields(options):
        hint = hints[field.name]
        marks = getattr(hint, "__metadata__", ())
        if tyro.conf.Positional in marks or tyro.conf.Suppress in marks:
            continue
        plain = typing.get_args(hint)[0] if marks else hint
        name = prefix + field.name.replace("_", "-")
        paths += option_paths(plain, f"{name}.") if dataclasses.is_dataclass(plain) else [name]
    return paths


def _unknown_word(unknown: list[str], options: type[Any], command: str) -> str:
    word = next((word for word in unknown if word.startswith("-")), unknown[0])
    if not word.startswith("-"):
        return f"`{command}` does not take {word!r} there. `{command} --help` shows what it takes."
    known = option_paths(options)
    name = word.partition("=")[0].replace("_", "-")
    near = did_you_mean(name, known)
    ending = [path for path in known if path.rpartition(".")[2] == name.lstrip("-")]
    if near.startswith("Known are") and ending:  # --width for --model.width
        near = f"Did you mean {' or '.join(map(repr, ending))}?"
    hint = near if near.startswith("Did") else "No option is near to it."
    return f"`{command}` has no option {name!r}. {hint} `{command} --help` lists the options."


def _is_rule(line: str) -> bool:
    """Whether a line of a box is drawn, not written: tyro draws with hyphens where the terminal has no UTF-8."""
    return not line.strip("─-╰╯")


def _sentence(box: str) -> str:
    """The first part of tyro's error box (up to its first rule) as a plain sentence.

    >>> _sentence("╭─ Value error ─╮\\n│ Error parsing --epochs: invalid literal for  │\\n│ int() with base 10: 'x' │\\n│ ──── │\\n╰───╯")
    "--epochs is 'x', but a whole number was expected."
    """
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).strip(" │") for line in box.splitlines()]
    below_title = dropwhile(_is_rule, [line for line in lines if line][1:])
    text = " ".join(takewhile(lambda line: not _is_rule(line), below_title)) or "The options cannot be read."
    if number := _BAD_NUMBER.fullmatch(text):
        return f"{number['option']} is {number['value']}, but {_NUMBERS[number['kind'][0]]} was expected."
    if choice := _BAD_CHOICE.fullmatch(text):
        choices = re.findall(r"'([^']*)'", choice["choices"])
        near = did_you_mean(choice["value"], choices)
        also = f" Known are: {', '.join(choices)}." if near.startswith("Did") else ""
        return f"{choice['option']} is {choice['value']!r}. {near}{also}"
    text = re.sub(r"^Error parsing [^:]*: ", "", text)
    return text if text.endswith((".", "?", "!")) else f"{text}."
