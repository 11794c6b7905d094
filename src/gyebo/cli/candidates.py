"""What could stand where the cursor is: the answers of `gyebo __complete WORD...`, without torch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from gyebo.claims.catalogue import claim_names
from gyebo.cli.recipe_options import Option, class_options, recipe_options
from gyebo.cli.run_facts import run_names
from gyebo.cli.verbs import VERBS
from gyebo.data.registry import all_datasets
from gyebo.errors import GyeboError
from gyebo.genealogy import architecture_names
from gyebo.recipes import recipe_names
from gyebo.views import VIEWS

__all__ = ["candidates"]

KINDS = ("architectures", "recipes", "datasets", "runs", "views", "verbs")
SHELLS = ("bash", "zsh", "fish")
NO_VALUE = ("-h", "--help", "--debug", "--")
"""words of every verb after which no value comes"""
OPTIONS_CLASSES = {
    "list": "ListOptions",
    "show": "ShowOptions",
    "data": "DataOptions",
    "evaluate": "EvaluateOptions",
    "predict": "PredictOptions",
    "look": "LookOptions",
    "export": "ExportOptions",
    "compare": "CompareOptions",
    "import": "ImportOptions",
    "claim": "ClaimOptions",
    "verify": "VerifyOptions",
}


def candidates(words: Sequence[str]) -> list[str]:
    """The words that could complete the last one, given those before it; none where files should be offered.

    >>> candidates(["tr"])
    ['train']
    >>> candidates(["train", "dates", "--optimizer.na"])
    ['--optimizer.name']
    >>> candidates(["train", "dates", "--precision", ""])
    ['fp32', 'bf16']
    """
    *before, current = words or [""]
    try:
        return [word for word in _possible(before, current) if word.startswith(current)]
    except GyeboError:  # a recipe of one's own that cannot be read: training will say so, the prompt stays quiet
        return []


def _possible(before: Sequence[str], current: str) -> Iterable[str]:
    if not before:
        return [*VERBS, "--help", "--version", "--debug"] if current.startswith("-") else VERBS
    verb, *given = before
    if verb not in VERBS:
        return []
    options = _options(verb, given)
    turned_off = [option.off for option in options.values() if option.off]
    if current.startswith("-"):
        return [*options, *turned_off, "--help", "--debug"]
    alone = {*NO_VALUE, *(path for path, option in options.items() if option.takes_no_value), *turned_off}
    if given and _takes_a_value(given[-1], alone):
        return _values(given[-1], options)
    return _things(verb, given, len(_without_options(given, alone)))


def _options(verb: str, given: Sequence[str]) -> dict[str, Option]:
    if verb == "train":
        architecture = _value_of("--architecture", given)
        return recipe_options(given[0], architecture if architecture in architecture_names() else "") if given else {}
    name = OPTIONS_CLASSES.get(verb)
    return class_options(VERBS[verb].module, name) if name else {}


def _values(option: str, options: Mapping[str, Option]) -> Iterable[str]:
    option = option.replace("_", "-")
    if option == "--predict":
        return ("holds", "does-not-hold", "undecided")
    if option == "--architecture":
        return architecture_names()
    if option == "--recipe":
        return recipe_names()
    if option == "--data":
        return [dataset.name for dataset in all_datasets()]
    return options[option].choices if option in options else ()


def _things(verb: str, given: Sequence[str], place: int) -> Iterable[str]:
    """What a verb takes beside options; place: how many such words stand before."""
    runs = lambda: run_names(Path(_value_of("--runs-dir", given) or "runs"))  # noqa: E731
    everything = lambda: [  # noqa: E731
        *architecture_names(),
        *claim_names(),
        *recipe_names(),
        *(dataset.name for dataset in all_datasets()),
        *runs(),
    ]
    first: dict[str, Callable[[], Iterable[str]]] = {
        "list": lambda: KINDS,
        "show": lambda: sorted({*everything()}),
        "data": lambda: [dataset.name for dataset in all_datasets()],
        "train": recipe_names,
        "evaluate": runs,
        "predict": runs,
        "look": runs,
        "export": runs,
        "import": lambda: ("torchvision",),
        "claim": claim_names,
        "completion": lambda: SHELLS,
    }
    if verb == "verify":
        return [name for name in architecture_names() if name not in given]
    if verb == "compare":
        return [name for name in (*architecture_names(), *recipe_names()) if name not in given]
    if verb == "look" and place == 1:
        return VIEWS
    return first[verb]() if place == 0 else []


def _takes_a_value(word: str, alone: Collection[str]) -> bool:
    """Whether a word is an option whose value is the next word; alone: the options that have none."""
    return word.startswith("-") and word.replace("_", "-") not in alone and "=" not in word


def _without_options(words: Sequence[str], alone: Collection[str]) -> list[str]:
    """The words that are neither an option nor the value of one; alone: the options that have no value.

    >>> _without_options(["dates", "--runs-dir", "here", "--json", "alignment"], {"--json"})
    ['dates', 'alignment']
    """
    return [word for before, word in pairwise(["", *words]) if not word.startswith("-") and not _takes_a_value(before, alone)]


def _value_of(option: str, words: Sequence[str]) -> str:
    """The value that an option has among the words; empty where it is not given."""
    for word, following in pairwise([*words, ""]):
        name, equals, value = word.partition("=")
        if name.replace("_", "-") == option:
            return value if equals else following
    return ""
