"""The command line: `gyebo VERB WHAT [--option value ...]`.

One file a verb, imported only when the verb is used; so `gyebo --help` and `gyebo list` answer before torch could have been loaded.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

import gyebo
from gyebo.cli.failures import guarded
from gyebo.cli.verbs import VERBS
from gyebo.errors import UsageError, did_you_mean

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0, 1 (failed), 2 (usage), 3 (disk), 130 or 143 (stopped by a signal).

    >>> main(["--version"])
    gyebo ...
    0
    """
    words, debug = _without_debug(sys.argv[1:] if argv is None else [*argv])
    return guarded(lambda: _dispatch(words), debug=debug or os.environ.get("GYEBO_DEBUG", "") not in ("", "0"))


def _without_debug(words: list[str]) -> tuple[list[str], bool]:
    """Take --debug out, wherever it stands before `--`: it belongs to no verb.

    >>> _without_debug(["train", "--debug", "dates"])
    (['train', 'dates'], True)
    >>> _without_debug(["predict", "dates", "--", "--debug"])
    (['predict', 'dates', '--', '--debug'], False)
    """
    end = words.index("--") if "--" in words else len(words)
    options = [word for word in words[:end] if word != "--debug"]
    return options + words[end:], len(options) < end


def _dispatch(words: list[str]) -> int:
    if not words:
        print(_help(), file=sys.stderr)
        return 2
    verb, *rest = words
    if verb in ("-h", "--help", "help"):
        print(_help())
        return 0
    if verb in ("-V", "--version"):
        print(f"gyebo {gyebo.__version__}")
        return 0
    if verb == "__complete":
        from gyebo.cli.candidates import candidates

        print("\n".join(candidates(rest)))
        return 0
    if verb not in VERBS:
        what = "option" if verb.startswith("-") else "verb"
        raise UsageError(f"There is no {what} {verb!r}. {did_you_mean(verb, VERBS)} `gyebo --help` lists the verbs.")
    return import_module(VERBS[verb].module).run(rest)


def _help() -> str:
    width = max(len(f"{name} {verb.what}") for name, verb in VERBS.items())
    lines = [f"  {f'{name} {verb.what}':{width}}  {verb.summary}" for name, verb in VERBS.items()]
    return "\n".join(
        [
            "gyebo: the family tree of neural networks as software that runs",
            "",
            "usage: gyebo VERB WHAT [--option value ...]",
            "",
            *lines,
            "",
            "  gyebo VERB --help       the options of a verb; `gyebo train RECIPE --help` shows every field of the recipe",
            "  --debug                 with any verb: show the traceback of an error (or set GYEBO_DEBUG=1)",
            "  --version               the version",
            "",
            "begin with: gyebo train dates",
        ]
    )
