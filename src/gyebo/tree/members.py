"""Who descends from whom, what each child fixes about its parent, and what the experiments found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gyebo.genealogy import Facts, architecture_names, facts
from gyebo.tree.outcomes import NOT_RUN, PUBLISHED, Outcome, outcomes

__all__ = ["Edge", "Member", "family_tree", "plant"]


@dataclass(frozen=True)
class Edge:
    """A line of the tree: the child fixes something about the parent, and perhaps a claim has tried it."""

    parent: str
    child: str
    fixes: str
    outcome: Outcome | None
    """of the claim between the two; None where there is no experiment"""

    @property
    def verdict(self) -> str:
        """holds, does not hold, undecided, or not run.

        >>> Edge("rnn", "lstm", "the gradient vanishes", None).verdict
        'not run'
        """
        return self.outcome.verdict if self.outcome else NOT_RUN


@dataclass(frozen=True)
class Member:
    """An architecture in its place in the tree."""

    facts: Facts
    edges: tuple[Edge, ...]
    """to its parents, the first one first; a variant has none"""
    children: tuple[str, ...]
    variants: tuple[str, ...]
    parts: tuple[Outcome, ...]
    """the claims about a part of this architecture"""

    @property
    def name(self) -> str:
        return self.facts.name


def family_tree(results: Path = PUBLISHED) -> dict[str, Member]:
    """Every architecture of the catalogue in its place, oldest first.

    results: the folder of the reader's own claims; without it, the verdicts are those that gyebo ships.

    >>> [edge.parent for edge in family_tree()["lstm"].edges]
    ['rnn']
    """
    return plant(map(facts, architecture_names()), outcomes(results))


def plant(entries: Iterable[Facts], claims: Iterable[Outcome]) -> dict[str, Member]:
    """Join architectures, parents before children, with claims.

    A claim between two architectures that name no descent is an edge as well: it says itself what the child fixes.  A parent that is
    not in the catalogue is left out, as is a claim about architectures that are not there.
    """
    known = {entry.name: entry for entry in entries}
    claims = [claim for claim in claims if {claim.parent, claim.child} <= known.keys()]
    edges = {name: _edges(entry, known, claims) for name, entry in known.items()}
    return {
        name: Member(
            facts=entry,
            edges=edges[name],
            children=tuple(child for child in known if any(edge.parent == name for edge in edges[child])),
            variants=tuple(other for other, variant in known.items() if variant.variant_of == name),
            parts=tuple(claim for claim in claims if claim.child == name and claim not in {edge.outcome for edge in edges[name]}),
        )
        for name, entry in known.items()
    }


def _edges(entry: Facts, known: Mapping[str, Facts], claims: list[Outcome]) -> tuple[Edge, ...]:
    if entry.variant_of in known:
        return ()
    between = {claim.parent: claim for claim in reversed(claims) if claim.child == entry.name != claim.parent}
    fixes = {parent: fixed for parent, fixed in entry.parents.items() if parent in known}
    fixes |= {parent: claim.statement for parent, claim in between.items() if parent not in fixes and not known[parent].variant_of}
    return tuple(Edge(parent, entry.name, fixed, between.get(parent)) for parent, fixed in fixes.items())
