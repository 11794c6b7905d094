"""The public surface: changing this list is a line in CHANGELOG.md."""

from __future__ import annotations

import pytest

import gyebo
from gyebo.cli.verbs import VERBS

NAMES = ["architectures", "claim", "create", "load", "look", "train", "verify"]


def test_public_names():
    assert gyebo.__all__ == NAMES
    assert dir(gyebo) == sorted([*NAMES, "__version__"])


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_is_there_and_documented(name: str):
    assert callable(getattr(gyebo, name))
    assert getattr(gyebo, name).__doc__


def test_another_name_is_refused():
    with pytest.raises(AttributeError, match="module 'gyebo' has no attribute 'banana'"):
        _ = gyebo.banana


def test_the_verbs_of_the_command_line():
    assert [*VERBS] == [
        "list",
        "show",
        "data",
        "train",
        "evaluate",
        "predict",
        "look",
        "export",
        "compare",
        "import",
        "claim",
        "verify",
        "completion",
    ]
