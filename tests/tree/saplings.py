"""Small trees for tests: entries and claims that no file holds."""

from __future__ import annotations

from collections.abc import Mapping

from gyebo.genealogy import Facts
from gyebo.tree.outcomes import EffectFound, Outcome


def entry(name: str, year: int, parents: Mapping[str, str] | None = None, variant_of: str = "", title: str = "") -> Facts:
    return Facts(
        name=name,
        title=title or f"the title of {name}",
        year=year,
        paper=f"the paper of {name}",
        link=f"https://example.org/{name}",
        task="language",
        parents=parents or {},
        differences=(),
        sizes={},
        variant_of=variant_of,
        family="family",
    )


def claim(parent: str, child: str, verdict: str = "holds", name: str = "") -> Outcome:
    effect = EffectFound("gain", "more than before", 1.0, 2.0, 1.5, 2.5)
    return Outcome(name or f"{parent}-{child}", parent, child, f"{child} beats {parent}", verdict, (effect,), korean=f"{child} 승")
