"""The family tree as text: an architecture a branch, with what it fixes about its parents and what the experiments say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from gyebo.cli.tables import Branch
from gyebo.tree.members import Edge, Member

if TYPE_CHECKING:
    from gyebo.tree.outcomes import Outcome

__all__ = ["branches", "member_facts"]

COLOURS = {"holds": "green", "does not hold": "red", "undecided": "yellow", "not run": "bright_black"}
SIGNS = {"holds": "✓", "does not hold": "✗", "undecided": "?", "not run": "○"}


def branches(tree: Mapping[str, Member]) -> list[Branch]:
    """The roots with all that descends from them; a child of several parents hangs on the first, and names the others.

    >>> from gyebo.tree.members import family_tree
    >>> branches(family_tree())[0].lines[0][0]
    ('perceptron', 'bold')
    """
    return [_branch(member, tree) for member in tree.values() if not member.edges and member.facts.variant_of not in tree]


def member_facts(member: Member) -> dict[str, Any]:
    """A member of the tree as plain JSON values."""
    facts = member.facts
    return {
        **{key: getattr(facts, key) for key in ("name", "year", "title", "task", "family", "paper", "link", "variant_of")},
        "parents": [edge.parent for edge in member.edges],
        "edges": [
            {"parent": edge.parent, "fixes": edge.fixes, "verdict": edge.verdict, "claim": edge.outcome and asdict(edge.outcome)}
            for edge in member.edges
        ],
        "parts": [asdict(claim) for claim in member.parts],
        "children": [*member.children],
        "variants": [*member.variants],
    }


def _branch(member: Member, tree: Mapping[str, Member]) -> Branch:
    mark = (("variant ", "dim"),) if member.facts.variant_of in tree else ()
    own = [*member.variants, *(name for name in member.children if tree[name].edges[0].parent == member.name)]
    lines = [(*mark, *_head(member)), *_edges(member.edges), *map(_part, member.parts)]
    return Branch(lines, [_branch(tree[name], tree) for name in own])


def _head(member: Member) -> tuple[tuple[str, str], ...]:
    return (member.name, "bold"), (f"  {member.facts.year}  ", "dim"), (member.facts.title, "")


def _edges(edges: tuple[Edge, ...]) -> Iterator[tuple[tuple[str, str], ...]]:
    for number, edge in enumerate(edges):
        also = f"also from {edge.parent}: " if number else "fixes: "
        yield ((also, "dim"), (edge.fixes, ""), *_verdict(edge.verdict))


def _part(claim: Outcome) -> tuple[tuple[str, str], ...]:
    return ("tried: ", "dim"), (claim.statement, ""), *_verdict(claim.verdict)


def _verdict(verdict: str) -> tuple[tuple[str, str], ...]:
    return ((f"  {SIGNS[verdict]} {verdict}", COLOURS[verdict]),)
