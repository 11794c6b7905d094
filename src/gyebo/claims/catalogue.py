"""The claims found in this folder: their facts from the source text, without torch; their experiments by importing the one asked for.

A claim is a file that ends with `CLAIM = Claim(...)`; its name is the file's, with `-` for `_`. Adding a claim is adding one file:
nothing here, and no table elsewhere, changes.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import fields
from functools import cache
from importlib import import_module
from pathlib import Path

from gyebo import genealogy
from gyebo.claims.interface import Claim, ClaimFacts, Effect
from gyebo.entries import read_entry
from gyebo.errors import UsageError, did_you_mean

__all__ = ["claim", "claim_facts", "claim_names", "claims_of", "fingerprint"]

CLAIMS = Path(__file__).parent
_IMPORT = re.compile(r"^ *from gyebo\.claims\.(\w+) import ", re.MULTILINE)


@cache
def _files() -> dict[str, Path]:
    return {
        path.stem.replace("_", "-"): path
        for path in sorted(CLAIMS.glob("*.py"))
        if "\nCLAIM = Claim(" in path.read_text(encoding="utf-8")
    }


def claim_names() -> tuple[str, ...]:
    """The names of all claims, in the order of the tree: by the child, then by the parent, oldest first."""
    place = {name: number for number, name in enumerate(genealogy.architecture_names())}
    last = len(place)

    def order(name: str) -> tuple[int, int, str]:
        facts = claim_facts(name)
        return place.get(facts.child, last), place.get(facts.parent, last), name

    return tuple(sorted(_files(), key=order))


@cache
def claim_facts(name: str) -> ClaimFacts:
    """What a claim's file says of it, read from the source text without running it.

    Raises UsageError for an unknown name.
    >>> claim_facts("rnn-lstm").child
    'lstm'
    """
    known = {item.name for item in fields(ClaimFacts)}
    return ClaimFacts(**read_entry(_path(name), "CLAIM", known, {"Effect": Effect}))


def claims_of(child: str) -> tuple[str, ...]:
    """The names of the claims about an architecture: on its edges to its parents, or on a part of it.

    >>> claims_of("lstm")
    ('rnn-lstm',)
    """
    return tuple(name for name in claim_names() if claim_facts(name).child == child)


def claim(name: str) -> Claim:
    """The whole claim with its experiment; imports its file, and torch with it.

    Raises UsageError for an unknown name.
    """
    path = _path(name)
    entry = import_module(f"gyebo.claims.{path.stem}").CLAIM
    assert entry.name == name, f"{path} holds the claim {entry.name!r}: the file is named after its claim"
    return entry


@cache
def fingerprint(name: str) -> str:
    """The sha256 of a claim's source text and of the files beside it that it imports.

    What was measured under another one is no evidence for the claim as it stands. What it uses from the rest of gyebo does not
    count here: the version stands for that.
    Raises UsageError for an unknown name.
    """
    texts = {path.name: path.read_text(encoding="utf-8") for path in _with_imports(_path(name), {})}
    return hashlib.sha256(json.dumps(texts, sort_keys=True).encode()).hexdigest()


def _with_imports(path: Path, found: dict[Path, None]) -> dict[Path, None]:
    """A claim's file and those of this folder that it imports, and they import; what a claim is (`interface`) is none of them."""
    found[path] = None
    for module in _IMPORT.findall(path.read_text(encoding="utf-8")):
        imported = CLAIMS / f"{module}.py"
        if module != "interface" and imported.exists() and imported not in found:
            _with_imports(imported, found)
    return found


def _path(name: str) -> Path:
    files = _files()
    if name not in files:
        raise UsageError(f"There is no claim {name!r}. {did_you_mean(name, files)} `gyebo claim` lists them.")
    return files[name]
